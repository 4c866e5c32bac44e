"""The functions, files and meanings that scripts of the original VirNucPro know."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from virnucpro.errors import ConfigError, InputError, StoreError, shown
from virnucpro.features.merged import MERGED_SUFFIX
from virnucpro.features.vectors import FORMATS, own_rows, require_catalogue_width
from virnucpro.models.catalog import DEFAULT_DNA_MODEL, DEFAULT_MODEL
from virnucpro.models.checkpoints import open_model_in_memory
from virnucpro.models.encoders import Encoder, encoder_of
from virnucpro.models.placement import DTYPES, Placement, choose_placement
from virnucpro.models.registry import DNABERT_S, ESM2, Architecture
from virnucpro.models.tokens import VOCABULARY
from virnucpro.runs.engine import execute
from virnucpro.runs.files import whole_file
from virnucpro.sequences.reading import SequenceFile, sequence_stem
from virnucpro.verbs.embed import EmbeddingModel, EmbedSettings, embed_run
from virnucpro.verbs.embed_arrays import embed_chunks
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
"""The original sets no limit, and its windows have 300 or 500 letters; this one keeps a genome given by mistake from
asking for more memory than there is."""

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
        Where to write ``{'proteins': [...], 'data': [...]}`` and, beside it, its manifest. When the manifest
        matches, the file is read and nothing is computed; no weights are needed for that.
    model : Encoder, EsmModel or FastEsmModel, optional
        An encoder from `load_encoder`, or a transformers model: its weights are copied once, on its device and in its
        number format. By default FastESM2_650, loaded once and kept.
    tokenizer : object, optional
        Accepted for existing calls; must have ESM's vocabulary. Tokens are made by this package.
    truncation_seq_length : int, default: 1024
        Residues of each protein that are used, from the first.
    toks_per_batch : int, default: 2048
        Token budget of one batch; more is faster on a GPU.
    overwrite : bool, default: False
        Recompute `out_file`, whatever is there.

    Returns
    -------
    proteins : list of str
        FASTA ids, in file order.
    data : list of Tensor, each of shape (width,), float32, on the CPU
        Their vectors: the mean over residues of the last hidden state. Each has memory of its own.

    Raises
    ------
    InputError
        If the file is bad, or no sequence in it gave a vector.
    StoreError
        If `out_file` was made from something else, or cannot be written.
    WeightsError
        If the weights are not to be had.
    ConfigError
        If a limit is not positive, the tokenizer is not ESM's, or the model has a number format that no encoder has.
    """
    if truncation_seq_length < 1 or toks_per_batch < 1:
        raise ConfigError(f"{truncation_seq_length=} and {toks_per_batch=} must be at least 1")
    _check_vocabulary(tokenizer, {token: number for number, token in enumerate(VOCABULARY)}, "ESM's 33 tokens")
    settings = EmbedSettings(max_residues=truncation_seq_length, max_tokens=toks_per_batch)
    return _extract(Path(fasta_file), out_file, _protein_model(model), settings, overwrite)


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
        Where to write ``{'nucleotide': [...], 'data': [{'label', 'mean_representation'}]}`` and, beside it, its
        manifest. When the manifest matches, the file is read and nothing is computed.
    model_loaded : bool, default: False
        Whether `model` is given. When it is not, DNABERT-S is loaded, once, and kept.
    tokenizer : object, optional
        The tokenizer that belongs to a model of transformers; beside an encoder it must have the same vocabulary.
    model : DnaEncoder or BertModel, optional
        An encoder from `load_encoder`, or DNABERT-S as transformers loads it with its publisher's code: its weights
        are copied once, on its device and in its number format.
    overwrite : bool, default: False
        Recompute `out_file`, whatever is there.

    Returns
    -------
    nucleotide : list of str
        FASTA ids, in file order.
    data : list of Tensor, each of shape (width,), float32, on the CPU
        Their vectors: the mean over all tokens of the last hidden state. Each has memory of its own.

    Raises
    ------
    InputError
        If the file is bad, or no sequence in it gave a vector.
    StoreError
        If `out_file` was made from something else, or cannot be written.
    WeightsError
        If the weights are not to be had.
    ConfigError
        If `model_loaded` and `model` contradict each other, the tokenizer is not the model's, or the model has a
        number format that no encoder has.
    """
    if model_loaded != (model is not None):
        raise ConfigError(f"{model_loaded=}, but model is {type(model).__name__}; give both or neither")
    chosen = _dna_model(model, tokenizer)
    if tokenizer is not None:
        encoder: Any = chosen.encoder
        _check_vocabulary(tokenizer, encoder.tokenizer.vocabulary(), "that of the model")
    return _extract(Path(input_file), out_file, chosen, EmbedSettings(max_residues=DNA_MAX_LETTERS), overwrite)


def validate_embeddings(
    proteins: Sequence[str], data: Sequence[Tensor | np.ndarray[Any, Any]], expected_dim: int = 1280
) -> list[str]:
    """Check what an extraction gave.

    Parameters
    ----------
    proteins : sequence of str
        Ids.
    data : sequence of Tensor or numpy.ndarray
        Their vectors.
    expected_dim : int, default: 1280
        Numbers that each vector should have.

    Returns
    -------
    list of str
        One message per problem: count, dimension, NaN, infinity. Empty when all is well.
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
        Folder of the parts; made when absent.
    sequences_per_file : int
        Records of each part but the last.

    Returns
    -------
    list of Path
        The parts, in order. Headers are kept whole; a sequence stands on one line.

    Raises
    ------
    ConfigError
        If `sequences_per_file` is not positive.
    InputError
        If the input is bad or holds no sequences; no part is written then but those before the bad record.
    StoreError
        If a part cannot be written, or the folder holds parts of an earlier, longer split; nothing is written then.
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
    """Refuse a folder with parts that this split would leave as they are; reads the input for it when there are any."""
    found = {path.name for path in folder.glob("output_*.fa")}
    if not found:
        return
    parts = -(-sum(1 for _ in SequenceFile(source)) // sequences_per_file)
    left_over = sorted(found - {f"output_{number}.fa" for number in range(1, parts + 1)})
    if left_over:
        raise StoreError(f"{folder} holds {', '.join(left_over)} from an earlier split; remove them: they would mix")


def extract_esm(*_: object, **__: object) -> NoReturn:
    """Refuse: the ESM-2 3B extraction of the original is replaced.

    Parameters
    ----------
    *_, **__ : object
        Whatever the original took.

    Raises
    ------
    NotImplementedError
        Always; names the replacement.
    """
    raise NotImplementedError(
        "extract_esm is replaced by extract_fast_esm; for vectors of ESM-2 3B (2560 numbers, as the published "
        "classifiers need) call extract_fast_esm(fasta_file, out_file, model=load_encoder('esm2-3b'))"
    )


def process_file_seq(file: PathLike) -> Path:
    """Embed the nucleotides of one file with DNABERT-S, unless that is done.

    Parameters
    ----------
    file : path
        ``FOLDER/output_1.fa`` gives ``FOLDER/output_1_DNABERT_S.pt``.

    Returns
    -------
    Path
        The feature file; not made when the merged file made from it is there: beside it, or where VirNucPro's scripts
        put it, ``data/data_merge/X_merged`` for ``data/X.identified_nucleotide``.

    Raises
    ------
    StoreError
        If the feature file is there and was made from something else.
    """
    target = _beside(file, DNABERT_S.suffix)
    if not _is_merged(target, DNABERT_S.suffix, ".identified_nucleotide"):
        extract_DNABERT_S(file, target)
    return target


def process_file_pro(file: PathLike) -> Path:
    """Embed the proteins of one file with FastESM2_650, unless that is done.

    Parameters
    ----------
    file : path
        ``FOLDER/output_1.fa`` gives ``FOLDER/output_1_ESM.pt``.

    Returns
    -------
    Path
        The feature file; not made when the merged file made from it is there: beside it, or where VirNucPro's scripts
        put it, ``data/data_merge/X_merged`` for ``data/X.identified_protein``.

    Raises
    ------
    StoreError
        If the feature file is there and was made from something else.
    """
    target = _beside(file, ESM2.suffix)
    if not _is_merged(target, ESM2.suffix, ".identified_protein"):
        extract_fast_esm(file, target)
    return target


def _beside(file: PathLike, suffix: str) -> Path:
    path = Path(file)
    return path.with_name(sequence_stem(path) + suffix)


def _is_merged(target: Path, suffix: str, folder_suffix: str) -> bool:
    """Whether the merged file made from a feature file is there."""
    name = target.name.removesuffix(suffix) + MERGED_SUFFIX
    candidates = [target.with_name(name)]
    if target.parent.name.endswith(folder_suffix):
        merged_folder = target.parent.name.removesuffix(folder_suffix) + "_merged"
        candidates.append(target.parent.parent / "data_merge" / merged_folder / name)
    return any(candidate.is_file() for candidate in candidates)


def _extract(
    source: Path, out_file: PathLike | None, model: EmbeddingModel, settings: EmbedSettings, overwrite: bool
) -> tuple[list[str], list[Tensor]]:
    """Embed one file, into memory or through a feature file."""
    file = SequenceFile(source)
    if out_file is None:
        return _in_memory(file, model.encoder, settings)
    target = Path(out_file)
    execute([embed_run(file, target.parent, [target.name], model, settings)], overwrite=overwrite, strict=True)
    table = FORMATS[model.architecture.layout].read(target)
    return list(table.ids), own_rows(table.vectors)


def _in_memory(file: SequenceFile, encoder: Encoder, settings: EmbedSettings) -> tuple[list[str], list[Tensor]]:
    """Embed chunk by chunk; sequences without a vector are logged, and refused only when there is no other."""
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


@cache
def _default(name: str) -> EmbeddingModel:
    return EmbeddingModel.named(name, choose_placement())


_copied: WeakKeyDictionary[torch.nn.Module, tuple[object, EmbeddingModel]] = WeakKeyDictionary()
"""Encoders made from transformers models, and what they were made of. Each lives as long as its model, and is used as
long as the model does not change."""

WORDS_IN_A_SUM = 64


def _bits(tensor: Tensor) -> bytes:
    """Sum a tensor's bits row by row: any change of a number shows, fifteen times as fast as in a digest."""
    octets = tensor.detach().flatten().contiguous().view(torch.uint8)
    if octets.storage_offset() % 8:
        octets = octets.clone()
    summed = len(octets) - len(octets) % (8 * WORDS_IN_A_SUM)
    sums = octets[:summed].view(torch.int64).view(-1, WORDS_IN_A_SUM).sum(1)
    return bytes(sums.cpu().numpy().tobytes() + octets[summed:].cpu().numpy().tobytes())


def _protein_model(model: Any) -> EmbeddingModel:  # noqa: ANN401
    """Accept an encoder, nothing, or a transformers model."""
    return _model_of(model, None, ESM2, DEFAULT_MODEL, "an EsmModel or a FastEsmModel")


def _dna_model(model: Any, tokenizer: Any) -> EmbeddingModel:  # noqa: ANN401
    """Accept an encoder, nothing, or a transformers model with its tokenizer."""
    return _model_of(model, tokenizer, DNABERT_S, DEFAULT_DNA_MODEL, "transformers' DNABERT-S")


def _model_of(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    architecture: Architecture,
    default: str,
    classes: str,
) -> EmbeddingModel:
    if model is None:
        return _default(default)
    if getattr(model, "architecture", None) is not None and not isinstance(model, torch.nn.Module):
        found, needed = model.architecture.molecule.value, architecture.molecule.value
        if found != needed:
            raise ConfigError(f"model {model.identity.name} reads {found}, not {needed}")
        return EmbeddingModel.loaded(model)
    if not isinstance(model, torch.nn.Module):
        raise ConfigError(f"model is a {type(model).__name__}; give load_encoder({default!r}) or {classes}")
    checkpoint, placement = open_model_in_memory(model, tokenizer), _placement_of(model)
    weights = sha256(b"".join(map(_bits, model.state_dict().values()))).digest()
    made_from = (weights, checkpoint.describe(), placement)
    kept = _copied.get(model)
    if kept is None or kept[0] != made_from:
        kept = _copied[model] = made_from, EmbeddingModel.loaded(encoder_of(checkpoint, placement))
    return kept[1]


def _placement_of(model: torch.nn.Module) -> Placement:
    parameter = next(model.parameters())
    if parameter.dtype not in DTYPES.values():
        raise ConfigError(
            f"model is a {type(model).__name__} in {parameter.dtype}; make it .float(), .bfloat16() or .half() first"
        )
    return Placement(parameter.device, parameter.dtype)


def _check_vocabulary(tokenizer: Any, expected: dict[str, int], whose: str) -> None:  # noqa: ANN401
    if tokenizer is None:
        return
    vocabulary = tokenizer.get_vocab() if hasattr(tokenizer, "get_vocab") else None
    if vocabulary != expected:
        raise ConfigError(f"tokenizer is a {type(tokenizer).__name__} whose vocabulary is not {whose}; leave it out")
