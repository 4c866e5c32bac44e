"""``embed``: sequence files in, one feature file for each out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virnucpro.embedding.embed import embed_tokens
from virnucpro.errors import InputError, shown
from virnucpro.features.vectors import require_catalogue_width
from virnucpro.models.catalog import CATALOG, DEFAULT_MODEL, catalogue_identity, catalogue_width
from virnucpro.models.hub import find_architecture, find_checkpoint
from virnucpro.models.placement import Placement, choose_placement
from virnucpro.models.readout import DEFAULT_READOUT, Pool, Readout, no_choice
from virnucpro.models.registry import Architecture
from virnucpro.records import Failure, ModelIdentity, Molecule, Record
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.engine import execute
from virnucpro.runs.parts import Arrays, ComputedPart
from virnucpro.runs.plan import Planner
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, Job, Outcome, PartInput, Run
from virnucpro.sequences.reading import SequenceFile, sequence_stem
from virnucpro.verbs.encoders import parameters
from virnucpro.verbs.inputs import PathLike, open_inputs, require_molecule
from virnucpro.verbs.part_size import part_of_records
from virnucpro.verbs.settings import with_options
from virnucpro.verbs.window_rows import content, letters
from virnucpro.writers.vectors import SavedVectors, VectorFormat, require_format, vector_files, write_vectors

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder

__all__ = [
    "EmbedSettings", "EmbeddingModel", "embed_files", "embed_run", "embed_sequences", "require_suitable",
    "warn_of_truncation",
]  # fmt: skip


HEAVY_TRUNCATION = 0.1
"""Share of truncated sequences above which there is a warning."""

logger = logging.getLogger("virnucpro.embed")


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """Settings of `embed` and `embed_files`.

    Attributes
    ----------
    model : str
        Encoder by name, folder or Hugging Face ID.
    max_residues : int
        Residues or bases of a sequence that are embedded; the rest is cut off.
    max_tokens : int or None
        Tokens per batch of the encoder; None chooses by device memory.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps", ...
    dtype : {"auto", "fp32", "bf16", "fp16"}
        Precision of the encoder.
    part_records : int or None
        Sequences per part, the unit of resumption; None chooses by the speed of the device.
    layers : sequence of int
        Hidden states that a vector holds, side by side, counted as in transformers: 0 is the token embeddings, k the
        output of block k, -1 that of the last one.
    pool : {"mean", "cls", "max", "none"}
        How residues become one vector: their mean or maximum, or the first special token; "none" keeps a vector for
        every residue.
    format : {"pt", "npy", "npz", "h5", "parquet", "safetensors"}
        Of the files of `embed_files`.
    """

    model: str = DEFAULT_MODEL
    max_residues: int = 1024
    max_tokens: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    part_records: int | None = None
    layers: Sequence[int] = (-1,)
    pool: Pool = "mean"
    format: VectorFormat = "pt"

    @property
    def readout(self) -> Readout:
        """Layers and pool."""
        return Readout.of(self.layers, self.pool)

    def check(self) -> None:
        """Refuse a device, a model or a format that is not there, before any input is read."""
        choose_placement(self.device, self.dtype)
        require_format(self.format)
        architecture, readout = find_architecture(self.model), self.readout
        if readout != DEFAULT_READOUT:
            if architecture.reads_bases:
                raise no_choice(self.model)
            entry = CATALOG.get(self.model)
            readout.numbers(entry.layers if entry else find_checkpoint(self.model).layers)


@dataclass(frozen=True, eq=False)
class EmbeddingModel:
    """An encoder that is read when it is first needed: recognising finished results needs none."""

    identity: ModelIdentity  # what can be told without its weights
    architecture: Architecture
    placement: Placement
    read: Callable[[], Encoder]

    @classmethod
    def named(cls, model: str, placement: Placement) -> EmbeddingModel:
        """Describe a model by its name or path."""
        from virnucpro.models.encoders import encoder_of

        def read() -> Encoder:
            return encoder_of(find_checkpoint(model), placement)

        identity = catalogue_identity(model) or find_checkpoint(model).identity
        return cls(identity, find_architecture(model), placement, read)

    @classmethod
    def loaded(cls, encoder: Encoder) -> EmbeddingModel:
        """Take an encoder that is in memory."""
        return cls(encoder.identity, encoder.architecture, encoder.placement, lambda: encoder)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, read once; it makes vectors of the width that is known of it."""
        encoder = self.read()
        require_catalogue_width(encoder.identity, encoder.width)
        return encoder

    @cached_property
    def _readers(self) -> dict[Readout, Encoder]:
        return {}

    def reader(self, readout: Readout) -> Encoder:
        """Give the encoder with other layers and pooling."""
        if readout not in self._readers:
            self._readers[readout] = self.encoder.reading(readout)
        return self._readers[readout]


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
    job = _Embedding(source.label, files, model, settings)
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
    return _Embedding("", (), model, settings), _decisive(settings, model)


@dataclass(frozen=True, eq=False)
class EmbeddedSequences:
    """Vectors of some records, and why others have none."""

    rows: NDArray[np.int64]  # (n,) which of the records, ascending
    vectors: NDArray[np.float32]  # (vectors of all of them, width)
    vector_counts: NDArray[np.int64]  # (n,) one each, unless every residue has its own
    failures: tuple[Failure, ...]  # `number` is the record's place, from 0
    counts: Mapping[str, int]
    replaced: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))  # record, letters


def embed_sequences(
    encoder: Encoder, records: Sequence[Record], settings: EmbedSettings, on_residues: Advance = lambda _: None
) -> EmbeddedSequences:
    """Embed records that fit in memory together."""
    tokens = encoder.tokenise([record.sequence for record in records], settings.max_residues)

    def told(rows: NDArray[np.int64]) -> None:
        on_residues(int(tokens.residues[rows].sum()))

    embedded = embed_tokens(encoder, tokens.ragged, settings.max_tokens, told)
    failed = dict(embedded.failures)
    failed |= {row: ("NoID", "its header has no ID") for row, record in enumerate(records) if not record.id}
    rows = np.setdiff1d(np.arange(len(records)), np.fromiter(failed, np.int64, len(failed)))
    failures = tuple(
        Failure(row, records[row].id or f"record {records[row].number}", *reason)
        for row, reason in sorted(failed.items())
    )
    counts = {
        "read": len(records),
        "written": len(rows),
        "failed": len(failed),
        "truncated": int(tokens.truncated[rows].sum()),
        "residues": int(tokens.residues[rows].sum()),
    }
    changed = rows[tokens.replaced[rows] > 0]
    replaced = np.stack((changed, tokens.replaced[changed]), axis=1)
    vectors = embedded.vectors
    if failed:
        vectors = vectors[np.repeat(np.isin(np.arange(len(records)), rows), embedded.counts)]
    return EmbeddedSequences(rows, vectors, embedded.counts[rows], failures, counts, replaced)


def require_suitable(label: str, sample: Sequence[Record], architecture: Architecture) -> list[str]:
    """Refuse sequences of the kind that a model does not read; warn of those that may be."""
    advice = {
        Molecule.PROTEIN: "a protein model reads A, C, G and T as amino acids; for DNA use --model dnabert-s",
        Molecule.DNA: "for proteins use --model fastesm2-650",
    }
    return require_molecule(label, sample, architecture.molecule, advice[architecture.molecule])


def warn_of_truncation(label: str, truncated: int, sequences: int, max_residues: int) -> None:
    """Warn when much of an input is not used."""
    if truncated > HEAVY_TRUNCATION * sequences:
        logger.warning(
            "%s: %s of %s sequences (%.0f %%) are longer than %s letters; the rest is not used. Raise "
            "--max-residues to use more", label, f"{truncated:,}", f"{sequences:,}", 100 * truncated / sequences,
            f"{max_residues:,}",
        )  # fmt: skip


@dataclass(eq=False)
class _Embedding:
    """The job behind `embed_files`, of one input."""

    label: str
    files: Sequence[str]
    model: EmbeddingModel
    settings: EmbedSettings

    def check(self, label: str, sample: Sequence[Record]) -> list[str]:
        if not sample:
            raise InputError(f"{shown(label)}: holds no sequences")
        return require_suitable(label, sample, self.model.architecture)

    def planner(self) -> Planner:
        identity = self.model.identity
        width = catalogue_width(identity) or find_checkpoint(identity.name).width if self.per_residue else 0
        bytes_per_letter = max(4 * width * len(self.settings.layers), 1)
        flop_per_token = 2 * parameters(identity.name)
        size = part_of_records(self.model.placement, flop_per_token, self.settings.part_records, bytes_per_letter)
        return Planner(lambda _: 1, size)

    def content(self, record: Record) -> tuple[bytes, bytes]:
        return content(record)

    def letters(self, record: Record) -> int:
        return min(letters(record), self.settings.max_residues)

    def id_of(self, record: Record) -> str:
        return record.id

    def resolve(self) -> dict[str, ModelIdentity]:
        return {self.model.architecture.molecule.value: self.model.encoder.identity}

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Embed the records of a part."""
        told = 0

        def tell(residues: int) -> None:
            nonlocal told
            residues = min(residues, given.part.letters - told)
            told += residues
            advance(residues)

        found = embed_sequences(self.model.reader(self.settings.readout), given.records, self.settings, tell)
        advance(given.part.letters - told)
        arrays: Arrays = {
            "rows": found.rows.astype(np.int32), "vectors": found.vectors, "vector_counts": found.vector_counts,
            "replaced": found.replaced,
        }  # fmt: skip
        return ComputedPart(arrays, found.failures, found.counts)

    @property
    def per_residue(self) -> bool:
        """Whether every residue has a vector."""
        return self.settings.pool == "none"

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> dict[str, Any]:
        """Write the feature file; vectors pass through a temporary file, not through memory."""
        encoder = self.model.reader(self.settings.readout)
        ids: list[str] = []
        vector_counts: list[NDArray[np.int64]] = []
        replaced: list[tuple[int, str, int]] = []
        first_failure, read, truncated = "", 0, 0
        with tempfile.TemporaryFile(dir=results.scratch) as spool:
            for given, computed in parts:
                arrays, read = computed.arrays, read + len(given.records)
                truncated += (computed.counts or {}).get("truncated", 0)
                ids += [given.records[row].id for row in arrays["rows"].tolist()]
                vector_counts.append(arrays["vector_counts"])
                spool.write(arrays["vectors"].tobytes())
                for row, count in arrays["replaced"].tolist():
                    replaced.append((given.part.first_record + row + 1, given.records[row].id, count))
                if computed.failures and not first_failure:
                    failure = computed.failures[0]
                    number = given.part.first_record + failure.number + 1
                    first_failure = f"the first (record {number}, {failure.id}): {failure.message}"
            if not ids:
                raise InputError(
                    f"{shown(self.label)}: none of its {read} sequences could be embedded; {shown(first_failure)}"
                )
            warn_of_truncation(self.label, truncated, len(ids), self.settings.max_residues)
            spool.flush()
            counts = np.concatenate(vector_counts)
            vectors = np.memmap(spool, np.float32, "r", shape=(int(counts.sum()), encoder.width))
            layout = encoder.architecture.layout
            saved = SavedVectors(layout, ids, vectors, counts if self.per_residue else None)
            write_vectors(results, self.files, self.settings.format, saved)
        return {"device": encoder.placement.describe(), "replaced_residues": [list(row) for row in replaced]}
