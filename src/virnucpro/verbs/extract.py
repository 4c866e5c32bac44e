"""The extraction functions that existing scripts call, with the names and meanings they know."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from virnucpro.embedding.records import Limits
from virnucpro.errors import ConfigError, InputError, StoreError
from virnucpro.features.vectors import FORMATS, own_rows
from virnucpro.models.catalog import DEFAULT_DNA_MODEL
from virnucpro.models.checkpoints import open_model_in_memory
from virnucpro.models.dnabert_s_checkpoints import DnaEncoder
from virnucpro.models.encoders import Encoder, load_encoder
from virnucpro.models.esm2_checkpoints import ProteinEncoder
from virnucpro.models.placement import DTYPES, Placement
from virnucpro.models.tokens import VOCABULARY
from virnucpro.records import EmbeddingTable
from virnucpro.runs.files import whole_file
from virnucpro.sequences.fasta import read_records
from virnucpro.verbs.embed import embed_file, embed_stream, require_rows
from virnucpro.verbs.embed_plan import Job, plan_embedding

__all__ = ["extract_DNABERT_S", "extract_esm", "extract_fast_esm", "split_fasta_file", "validate_embeddings"]

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]

DNA_LIMITS = Limits(max_residues=10_000)
"""VirNucPro sets none, and its windows have 300 or 500 letters; this one keeps a genome given by mistake from asking
for more memory than there is."""


def extract_fast_esm(
    fasta_file: PathLike,
    out_file: PathLike | None = None,
    model: Any = None,  # noqa: ANN401 - an encoder of this package or a class of transformers, which is not imported
    tokenizer: Any = None,  # noqa: ANN401
    truncation_seq_length: int = 1024,
    toks_per_batch: int = 2048,
) -> tuple[list[str], list[Tensor]]:
    """Embed the proteins of a FASTA file.

    Parameters
    ----------
    fasta_file : path
        Proteins, plain or compressed.
    out_file : path, optional
        Where to write ``{'proteins': [...], 'data': [...]}`` and, beside it, a receipt. When it is there already and
        its receipt says that it was made from just this, it is read and nothing is computed.
    model : Encoder, EsmModel or FastEsmModel, optional
        An encoder from `load_encoder`, or a model of transformers, whose weights are taken over, on its device and in
        its number format, when it is first seen and whenever they have changed. By default FastESM2_650, loaded once
        and kept.
    tokenizer : object, optional
        Accepted for existing calls; must have ESM's vocabulary. Tokens are made by this package.
    truncation_seq_length : int, default: 1024
        Residues of each protein that are used, from the first.
    toks_per_batch : int, default: 2048
        Budget of one batch; more is faster on a GPU.

    Returns
    -------
    proteins : list of str
        FASTA ids, in file order.
    data : list of Tensor, each of shape (width,), float32, on the CPU
        Their vectors: the mean over residues of the last hidden state.

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
    limits = Limits(truncation_seq_length, toks_per_batch)
    return _extract(Path(fasta_file), out_file, _as_encoder(model), limits)


def extract_DNABERT_S(  # noqa: N802 - the name that scripts know
    input_file: PathLike,
    out_file: PathLike | None,
    model_loaded: bool = False,
    tokenizer: Any = None,  # noqa: ANN401
    model: Any = None,  # noqa: ANN401 - an encoder of this package or a class of transformers, which is not imported
) -> tuple[list[str], list[Tensor]]:
    """Embed the nucleotide sequences of a FASTA or FASTQ file.

    Parameters
    ----------
    input_file : path
        Nucleotides, plain or compressed; the first 10,000 letters of each sequence are used.
    out_file : path or None
        Where to write ``{'nucleotide': [...], 'data': [{'label', 'mean_representation'}]}`` and, beside it, a receipt.
        When it is there already and its receipt says that it was made from just this, it is read and nothing is
        computed.
    model_loaded : bool, default: False
        Whether `model` is given. When it is not, DNABERT-S is loaded, once, and kept.
    tokenizer : object, optional
        The tokenizer that belongs to a model of transformers; beside an encoder it must have the same vocabulary.
    model : DnaEncoder or BertModel, optional
        An encoder from `load_encoder`, or DNABERT-S as transformers loads it with its publisher's code, whose weights
        are taken over, on its device and in its number format, when it is first seen and whenever they have changed.

    Returns
    -------
    nucleotide : list of str
        FASTA ids, in file order.
    data : list of Tensor, each of shape (width,), float32, on the CPU
        Their vectors: the mean over all tokens of the last hidden state.

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
    encoder = _as_dna_encoder(model, tokenizer)
    _check_vocabulary(tokenizer, encoder.tokenizer.vocabulary(), "that of the model")
    return _extract(Path(input_file), out_file, encoder, DNA_LIMITS)


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
    records = read_records(source)
    parts: list[Path] = []
    while batch := list(islice(records, sequences_per_file)):
        path = folder / f"output_{len(parts) + 1}.fa"
        with whole_file(path) as stream:
            stream.writelines(f">{record.header}\n{record.sequence}\n".encode() for record in batch)
        parts.append(path)
    if not parts:
        raise InputError(f"{source}: holds no sequences")
    return parts


def _refuse_left_overs(source: Path, folder: Path, sequences_per_file: int) -> None:
    """Refuse a folder with parts that this split would leave as they are; reads the input for it when there are any."""
    found = {path.name for path in folder.glob("output_*.fa")}
    if not found:
        return
    parts = -(-sum(1 for _ in read_records(source)) // sequences_per_file)
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


def _extract(
    source: Path, out_file: PathLike | None, encoder: Encoder, limits: Limits
) -> tuple[list[str], list[Tensor]]:
    """Embed one file, into memory or through a feature file."""
    if out_file is None:
        embedded = embed_stream(read_records(source), encoder, limits, _silent)
        require_rows(str(source), embedded)
        for failure in embedded.failures:
            logger.warning("%s: no vector for %s: %s", source, failure.id, failure.message)
        return _as_lists(embedded.table)
    job = Job(source, Path(out_file), str(source))
    plan = plan_embedding([job], encoder.identity, encoder.placement, limits)
    for _, error in plan.refused:
        raise error
    for _ in plan.unchecked:
        logger.warning("%s has no receipt: taken as it is; whether it was made from %s is not known", out_file, source)
    for pending in plan.pending:
        embed_file(pending, encoder, limits, _silent)
    return _as_lists(FORMATS[encoder.architecture.layout].read(job.target))


def _silent(_residues: int) -> None:
    """Take no notice of progress."""


def _as_lists(table: EmbeddingTable) -> tuple[list[str], list[Tensor]]:
    return list(table.ids), own_rows(table.vectors)


@cache
def _default_encoder() -> Encoder:
    return load_encoder()


@cache
def _default_dna_encoder() -> DnaEncoder:
    encoder = load_encoder(DEFAULT_DNA_MODEL)
    assert isinstance(encoder, DnaEncoder)
    return encoder


_taken_over: WeakKeyDictionary[torch.nn.Module, ProteinEncoder] = WeakKeyDictionary()
_taken_over_dna: WeakKeyDictionary[torch.nn.Module, DnaEncoder] = WeakKeyDictionary()
"""Encoders made from models of transformers; each lives as long as the model it came from, and is used as long as that
has the weights, configuration and tokenizer it had. Nothing but the digest of the weights tells for certain: memory is
used again, and writing through ``.data`` leaves no trace. It takes about a second per GB of weights."""


def _as_encoder(model: Any) -> Encoder:  # noqa: ANN401
    """Accept an encoder, nothing, or a model of transformers."""
    if model is None:
        return _default_encoder()
    if isinstance(model, ProteinEncoder):
        return model
    if not isinstance(model, torch.nn.Module):
        raise ConfigError(f"model is a {type(model).__name__}; give load_encoder(...), an EsmModel or a FastEsmModel")
    checkpoint, kept = open_model_in_memory(model), _taken_over.get(model)
    placement = _placement_of(model)
    if kept is None or (kept.identity, kept.placement) != (checkpoint.identity, placement):
        kept = _taken_over[model] = checkpoint.encoder(placement)  # type: ignore[assignment]
    return kept


def _as_dna_encoder(model: Any, tokenizer: Any) -> DnaEncoder:  # noqa: ANN401
    """Accept an encoder, nothing, or a model of transformers with its tokenizer."""
    if model is None:
        return _default_dna_encoder()
    if isinstance(model, DnaEncoder):
        return model
    if not isinstance(model, torch.nn.Module):
        raise ConfigError(
            f"model is a {type(model).__name__}; give load_encoder('dnabert-s') or transformers' DNABERT-S"
        )
    checkpoint, kept = open_model_in_memory(model, tokenizer), _taken_over_dna.get(model)
    placement = _placement_of(model)
    if kept is None or (kept.identity, kept.placement) != (checkpoint.identity, placement):
        kept = _taken_over_dna[model] = checkpoint.encoder(placement)  # type: ignore[assignment]
    return kept


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
