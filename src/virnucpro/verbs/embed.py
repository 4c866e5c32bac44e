"""``embed``: sequence files in, one feature file for each out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from virnucpro.models.placement import choose_placement
from virnucpro.records import Molecule
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.engine import execute
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.run import Job, Outcome, Run
from virnucpro.sequences.reading import SequenceFile, sequence_stem
from virnucpro.verbs.embed_settings import EmbedSettings
from virnucpro.verbs.embedding import Embedding
from virnucpro.verbs.embedding_model import EmbeddingModel
from virnucpro.verbs.inputs import PathLike, open_inputs
from virnucpro.verbs.settings import with_options
from virnucpro.writers.vectors import vector_files

__all__ = ["embed_files", "embed_run"]


def embed_files(
    inputs: PathLike | Sequence[PathLike],
    outdir: PathLike,
    settings: EmbedSettings | None = None,
    *,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    stdin: Path | None = None,
    distribution: Distribution | None = None,
    **options: Any,  # noqa: ANN401
) -> list[Outcome]:
    """Turn sequence files into files of vectors.

    Started again after an interruption, it continues from what is saved; finished results are kept.

    Parameters
    ----------
    inputs : path or sequence of path
        Proteins in FASTA, or nucleotides in FASTA or FASTQ for a DNA encoder; plain or compressed.
    outdir : path
        ``x.faa`` gives ``x_ESM.pt`` (``x_DNABERT_S.pt`` with DNABERT-S) and its manifest ``x_ESM.pt.json``; other
        formats have other endings.
    settings : EmbedSettings, optional
        Model, layers and pooling, format, length limit, batch budget, device. By default FastESM2_650.
    overwrite : bool, default: False
        Recompute everything, ignoring existing results.
    progress : callable, optional
        Called with a `Progress` after every batch.
    stdin : path, optional
        The input that messages call "-".
    distribution : Distribution, optional
        Shards, devices and workers. By default this process computes everything.
    **options
        Single settings by name, such as ``model="mini"``; see `EmbedSettings`.

    Returns
    -------
    list of Outcome
        One for each input, in order.

    Raises
    ------
    InputError
        If an input changes while it is read. One that cannot be read is an outcome of its own.
    ConfigError
        If two inputs would give one result, or settings do not suit the model.
    WeightsError
        If weights are missing or damaged.
    StoreError
        If a result was made from something else, or cannot be written.

    See Also
    --------
    embed : Gives an array.

    Examples
    --------
    >>> from virnucpro import embed_files
    >>> embed_files("contigs.fasta", "vectors", model="mini", format="npz")  # doctest: +SKIP
    """
    settings = with_options(settings or EmbedSettings(), options)
    settings.check()
    paths = [inputs] if isinstance(inputs, (str, Path)) or not isinstance(inputs, Sequence) else inputs
    model = EmbeddingModel.named(settings.model, choose_placement(settings.device, settings.dtype))
    runs = []
    for source in open_inputs(paths, SequenceFile, stdin):
        files = vector_files(sequence_stem(source.path), model.architecture.suffix, settings.format)
        runs.append(embed_run(source, Path(outdir), files, model, settings))
    unit = "aa" if model.architecture.molecule is Molecule.PROTEIN else "b"
    return execute(runs, overwrite=overwrite, progress=progress, unit=unit, distribution=distribution)


def embed_run(
    source: SequenceFile, outdir: Path, files: Sequence[str], model: EmbeddingModel, settings: EmbedSettings
) -> Run:
    """Describe the embedding of one file; the first of its result files names its manifest."""
    decisive = _decisive(settings, model)
    job = Embedding(source.label, files, model, settings)
    role = model.architecture.molecule.value
    return Run(
        files[0], [source], outdir, f"{files[0]}.json", files, {role: model.identity}, decisive, job,
        rebuild=partial(_rebuilt, settings),
    )  # fmt: skip


def _decisive(settings: EmbedSettings, model: EmbeddingModel) -> Mapping[str, Any]:
    """Describe what the vectors depend on."""
    readout = settings.readout
    return {
        "max_residues": settings.max_residues, "dtype": model.placement.dtype_name, "layers": list(readout.layers),
        "pool": readout.pool,
    }  # fmt: skip


def _rebuilt(settings: EmbedSettings, device: str) -> tuple[Job, Mapping[str, Any]]:
    """Make the job of a worker, which computes parts of any input."""
    model = EmbeddingModel.named(settings.model, choose_placement(device, settings.dtype))
    return Embedding("", (), model, settings), _decisive(settings, model)
