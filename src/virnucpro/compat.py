"""The functions of the original VirNucPro, with its names, files and formats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from virnucpro.errors import ConfigError, InputError, StoreError, shown
from virnucpro.features.merged import MERGED_SUFFIX
from virnucpro.features.vectors import FORMATS, own_rows, require_catalogue_width
from virnucpro.models.encoders import Encoder
from virnucpro.models.registry import DNABERT_S, ESM2
from virnucpro.models.tokens import VOCABULARY
from virnucpro.runs.engine import execute
from virnucpro.runs.files import whole_file
from virnucpro.sequences.reading import SequenceFile, sequence_stem
from virnucpro.verbs.embed import embed_run
from virnucpro.verbs.embed_arrays import embed_chunks
from virnucpro.verbs.embed_settings import EmbedSettings
from virnucpro.verbs.embedding_model import EmbeddingModel
from virnucpro.verbs.given_models import dna_model, protein_model, require_vocabulary
from virnucpro.verbs.inputs import PathLike

__all__ = [
    "extract_DNABERT_S",
    "extract_esm",
    "extract_fast_esm",
    "process_file_pro",
    "process_file_seq",
    "split_fasta_file",
    "validate_embeddings",
]

DNA_MAX_LETTERS = 10_000
"""The original has no limit, and its windows have 300 or 500 letters. With this limit, a genome given by mistake does
not exhaust the memory."""

logger = logging.getLogger("virnucpro.compat")


def extract_fast_esm(
    fasta_file: PathLike,
    out_file: PathLike | None = None,
    model: Any = None,  # noqa: ANN401 - an encoder of this package or a class of transformers, which is not imported
    tokenizer: Any = None,  # noqa: ANN401
    truncation_seq_length: int = 1024,
    toks_per_batch: int = 2048,
    overwrite: bool = False,
) -> tuple[list[str], list[Tensor]]:
    """Embed the proteins of a FASTA file.

    Parameters
    ----------
    fasta_file : path
        Proteins, plain or compressed.
    out_file : path, optional
        Where to write ``{'proteins': [...], 'data': [...]}``, with its manifest next to it. If the manifest matches,
        the file is read and nothing is computed, which needs no weights.
    model : Encoder, EsmModel or FastEsmModel, optional
        An encoder from `load_encoder`, or a transformers model, whose weights are copied once, with its device and
        number format. By default FastESM2_650, which is loaded once and kept.
    tokenizer : object, optional
        Accepted for compatibility; must have ESM's vocabulary. This package makes the tokens.
    truncation_seq_length : int, default: 1024
        Use only the first residues of each protein, up to this number.
    toks_per_batch : int, default: 2048
        Token budget of a batch; larger batches are faster on a GPU.
    overwrite : bool, default: False
        Recompute `out_file`, ignoring an existing one.

    Returns
    -------
    proteins : list of str
        FASTA IDs, in file order.
    data : list of Tensor, each of shape (width,), float32, on the CPU
        Their vectors: the mean over residues of the last hidden state. Each can be saved alone.

    Raises
    ------
    InputError
        If the file cannot be read, or no sequence in it has a vector.
    StoreError
        If `out_file` was made from something else, or cannot be written.
    WeightsError
        If weights are missing or damaged.
    ConfigError
        If a limit is not positive, the tokenizer is not ESM's, or the number format of the model is not supported.
    """
    if truncation_seq_length < 1 or toks_per_batch < 1:
        raise ConfigError(f"{truncation_seq_length=} and {toks_per_batch=} must be at least 1")
    require_vocabulary(tokenizer, {token: number for number, token in enumerate(VOCABULARY)}, "ESM's 33 tokens")
    settings = EmbedSettings(max_residues=truncation_seq_length, max_tokens=toks_per_batch)
    return _extract(Path(fasta_file), out_file, protein_model(model), settings, overwrite)


def extract_DNABERT_S(  # noqa: N802 - the name that scripts know
    input_file: PathLike,
    out_file: PathLike | None,
    model_loaded: bool = False,
    tokenizer: Any = None,  # noqa: ANN401
    model: Any = None,  # noqa: ANN401 - an encoder of this package or a class of transformers, which is not imported
    overwrite: bool = False,
) -> tuple[list[str], list[Tensor]]:
    """Embed the nucleotide sequences of a FASTA or FASTQ file.

    Parameters
    ----------
    input_file : path
        Nucleotides, plain or compressed; the first 10,000 letters of each sequence are used.
    out_file : path or None
        Where to write ``{'nucleotide': [...], 'data': [{'label', 'mean_representation'}]}``, with its manifest next to
        it. If the manifest matches, the file is read and nothing is computed.
    model_loaded : bool, default: False
        Whether `model` is given. If not, DNABERT-S is loaded once and kept.
    tokenizer : object, optional
        The tokenizer of a transformers model; with an encoder, it must have the same vocabulary.
    model : DnaEncoder or BertModel, optional
        An encoder from `load_encoder`, or DNABERT-S loaded by transformers with its publisher's code; its weights are
        copied once, with its device and number format.
    overwrite : bool, default: False
        Recompute `out_file`, ignoring an existing one.

    Returns
    -------
    nucleotide : list of str
        FASTA IDs, in file order.
    data : list of Tensor, each of shape (width,), float32, on the CPU
        Their vectors: the mean over all tokens of the last hidden state. Each can be saved alone.

    Raises
    ------
    InputError
        If the file cannot be read, or no sequence in it has a vector.
    StoreError
        If `out_file` was made from something else, or cannot be written.
    WeightsError
        If weights are missing or damaged.
    ConfigError
        If `model_loaded` and `model` contradict each other, the tokenizer is not the model's, or the number format of
        the model is not supported.
    """
    if model_loaded != (model is not None):
        raise ConfigError(f"{model_loaded=}, but model is {type(model).__name__}; give both or neither")
    chosen = dna_model(model, tokenizer)
    if tokenizer is not None:
        encoder: Any = chosen.encoder
        require_vocabulary(tokenizer, encoder.tokenizer.vocabulary(), "that of the model")
    return _extract(Path(input_file), out_file, chosen, EmbedSettings(max_residues=DNA_MAX_LETTERS), overwrite)


def validate_embeddings(
    proteins: Sequence[str], data: Sequence[Tensor | np.ndarray[Any, Any]], expected_dim: int = 1280
) -> list[str]:
    """Check the result of an extraction.

    Parameters
    ----------
    proteins : sequence of str
        IDs.
    data : sequence of Tensor or numpy.ndarray
        Their vectors.
    expected_dim : int, default: 1280
        Expected width of each vector.

    Returns
    -------
    list of str
        One message per problem: count, dimension, NaN, infinity. Empty if there is none.
    """
    messages = []
    if len(proteins) != len(data):
        messages.append(f"count: {len(proteins)} ids for {len(data)} vectors")
    for number, vector in enumerate(data):
        name = f"row {number} ({proteins[number]})" if number < len(proteins) else f"row {number}"
        values = torch.as_tensor(vector)
        if tuple(values.shape) != (expected_dim,):
            messages.append(f"dimension: {name} has shape {tuple(values.shape)} instead of ({expected_dim},)")
        if values.isnan().any():
            messages.append(f"NaN: {name} has {int(values.isnan().sum())}")
        if values.isinf().any():
            messages.append(f"infinity: {name} has {int(values.isinf().sum())}")
    return messages


def split_fasta_file(input_file: PathLike, output_dir: PathLike, sequences_per_file: int) -> list[Path]:
    """Split a FASTA file into parts ``output_1.fa``, ``output_2.fa``, ...

    Parameters
    ----------
    input_file : path
        FASTA or FASTQ, plain or compressed.
    output_dir : path
        Folder of the parts; created if needed.
    sequences_per_file : int
        Records per part; the last one may have fewer.

    Returns
    -------
    list of Path
        The parts, in order. Headers are complete; each sequence is on one line.

    Raises
    ------
    ConfigError
        If `sequences_per_file` is not positive.
    InputError
        If the input cannot be read or holds no sequences; parts before a bad record are kept.
    StoreError
        If a part cannot be written, or the folder holds parts of an earlier, longer split; then nothing is written.
    """
    if sequences_per_file < 1:
        raise ConfigError(f"{sequences_per_file=} must be at least 1")
    source, folder = Path(input_file), Path(output_dir)
    _refuse_left_overs(source, folder, sequences_per_file)
    records = iter(SequenceFile(source))
    parts: list[Path] = []
    while batch := list(islice(records, sequences_per_file)):
        path = folder / f"output_{len(parts) + 1}.fa"
        with whole_file(path) as stream:
            stream.writelines(
                f">{record.header}\n{record.sequence}\n".encode("utf-8", "surrogateescape") for record in batch
            )
        parts.append(path)
    if not parts:
        raise InputError(f"{shown(str(source))}: holds no sequences")
    return parts


def _refuse_left_overs(source: Path, folder: Path, sequences_per_file: int) -> None:
    """Refuse a folder with parts that this split would not replace; if it has parts, count the records of the input."""
    found = {path.name for path in folder.glob("output_*.fa")}
    if not found:
        return
    parts = -(-sum(1 for _ in SequenceFile(source)) // sequences_per_file)
    left_over = sorted(found - {f"output_{number}.fa" for number in range(1, parts + 1)})
    if left_over:
        raise StoreError(f"{folder} holds {', '.join(left_over)} from an earlier split; remove them: they would mix")


def extract_esm(*_: object, **__: object) -> NoReturn:
    """Raise an error: `extract_fast_esm` replaces the ESM-2 3B extraction of the original.

    Parameters
    ----------
    *_, **__ : object
        Arguments of the original.

    Raises
    ------
    NotImplementedError
        Always; it names the replacement.
    """
    raise NotImplementedError(
        "extract_esm is replaced by extract_fast_esm; for vectors of ESM-2 3B (2560 numbers, as the published "
        "classifiers need) call extract_fast_esm(fasta_file, out_file, model=load_encoder('esm2-3b'))"
    )


def process_file_seq(file: PathLike, overwrite: bool = False) -> Path:
    """Embed the nucleotides of one file with DNABERT-S, unless that is done.

    Parameters
    ----------
    file : path
        ``FOLDER/output_1.fa`` gives ``FOLDER/output_1_DNABERT_S.pt``.
    overwrite : bool, default: False
        Recompute the feature file, ignoring existing results.

    Returns
    -------
    Path
        The feature file. It is not made if the merged file made from it exists: next to it, or where scripts of the
        original VirNucPro put it, ``data/data_merge/X_merged`` for ``data/X.identified_nucleotide``.

    Raises
    ------
    StoreError
        If the feature file exists and was made from something else.
    """
    return _process(file, DNABERT_S.suffix, extract_DNABERT_S, ".identified_nucleotide", overwrite)


def process_file_pro(file: PathLike, overwrite: bool = False) -> Path:
    """Embed the proteins of one file with FastESM2_650, unless that is done.

    Parameters
    ----------
    file : path
        ``FOLDER/output_1.fa`` gives ``FOLDER/output_1_ESM.pt``.
    overwrite : bool, default: False
        Recompute the feature file, ignoring existing results.

    Returns
    -------
    Path
        The feature file. It is not made if the merged file made from it exists: next to it, or where scripts of the
        original VirNucPro put it, ``data/data_merge/X_merged`` for ``data/X.identified_protein``.

    Raises
    ------
    StoreError
        If the feature file exists and was made from something else.
    """
    return _process(file, ESM2.suffix, extract_fast_esm, ".identified_protein", overwrite)


def _process(file: PathLike, suffix: str, extract: Callable[..., object], folder_suffix: str, overwrite: bool) -> Path:
    """Make the feature file of one input, unless the merged file made from it exists."""
    path = Path(file)
    target = path.with_name(sequence_stem(path) + suffix)
    if overwrite or not _is_merged(target, suffix, folder_suffix):
        extract(path, target, overwrite=overwrite)
    return target


def _is_merged(target: Path, suffix: str, folder_suffix: str) -> bool:
    """Whether the merged file made from a feature file exists."""
    name = target.name.removesuffix(suffix) + MERGED_SUFFIX
    candidates = [target.with_name(name)]
    if target.parent.name.endswith(folder_suffix):
        merged_folder = target.parent.name.removesuffix(folder_suffix) + "_merged"
        candidates.append(target.parent.parent / "data_merge" / merged_folder / name)
    return any(candidate.is_file() for candidate in candidates)


def _extract(
    source: Path, out_file: PathLike | None, model: EmbeddingModel, settings: EmbedSettings, overwrite: bool
) -> tuple[list[str], list[Tensor]]:
    """Embed one file, in memory or with a feature file."""
    file = SequenceFile(source)
    if out_file is None:
        return _in_memory(file, model.encoder, settings)
    target = Path(out_file)
    execute([embed_run(file, target.parent, [target.name], model, settings)], overwrite=overwrite, strict=True)
    table = FORMATS[model.architecture.layout].read(target)
    return list(table.ids), own_rows(table.vectors)


def _in_memory(file: SequenceFile, encoder: Encoder, settings: EmbedSettings) -> tuple[list[str], list[Tensor]]:
    """Embed chunk by chunk; log sequences without a vector, and raise InputError if no sequence has one."""
    require_catalogue_width(encoder.identity, encoder.width)
    ids: list[str] = []
    rows: list[Tensor] = []
    first, read = "", 0
    for chunk, found in embed_chunks(file, encoder, settings):
        read += len(chunk)
        ids += [chunk[row].id for row in found.rows.tolist()]
        rows += own_rows(found.vectors)
        for failure in found.failures:
            first = first or f"; the first ({shown(failure.id)}): {failure.message}"
            logger.warning("%s: no vector for %s: %s", file.label, shown(failure.id), failure.message)
    if not ids:
        why = f"none of its {read} sequences could be embedded{first}" if read else "holds no sequences"
        raise InputError(f"{shown(file.label)}: {why}")
    return ids, rows
