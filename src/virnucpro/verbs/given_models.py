"""Models that scripts pass to functions: encoders of this package, transformers models, or none for the default."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any, Final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from virnucpro.errors import ConfigError
from virnucpro.models.catalog import DEFAULT_DNA_MODEL, DEFAULT_MODEL
from virnucpro.models.checkpoints import open_model_in_memory
from virnucpro.models.encoders import encoder_of
from virnucpro.models.placement import DTYPES, Placement, choose_placement
from virnucpro.models.registry import DNABERT_S, ESM2, Architecture
from virnucpro.verbs.embedding_model import EmbeddingModel

__all__ = ["default_model", "dna_model", "protein_model", "require_vocabulary"]

WORDS_IN_A_SUM: Final = 64


@cache
def default_model(name: str) -> EmbeddingModel:
    """A model of the catalogue, described once and loaded when needed."""
    return EmbeddingModel.named(name, choose_placement())


_copied: WeakKeyDictionary[torch.nn.Module, tuple[object, EmbeddingModel]] = WeakKeyDictionary()
"""Encoders made from transformers models, with what identifies their weights. Each lives as long as its model, and is
used until the model changes."""


def _bits(tensor: Tensor) -> bytes:
    """Sum a tensor's bits row by row, which detects changed numbers without a digest of every byte."""
    octets = tensor.detach().flatten().contiguous().view(torch.uint8)
    if octets.storage_offset() % 8:
        octets = octets.clone()
    summed = len(octets) - len(octets) % (8 * WORDS_IN_A_SUM)
    sums = octets[:summed].view(torch.int64).view(-1, WORDS_IN_A_SUM).sum(1)
    return bytes(sums.cpu().numpy().tobytes() + octets[summed:].cpu().numpy().tobytes())


def protein_model(model: Any) -> EmbeddingModel:  # noqa: ANN401
    """Accept an encoder, nothing, or a transformers model."""
    return _model_of(model, None, ESM2, DEFAULT_MODEL, "an EsmModel or a FastEsmModel")


def dna_model(model: Any, tokenizer: Any) -> EmbeddingModel:  # noqa: ANN401
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
        return default_model(default)
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


def require_vocabulary(tokenizer: Any, expected: dict[str, int], whose: str) -> None:  # noqa: ANN401
    """Refuse a tokenizer with another vocabulary."""
    if tokenizer is None:
        return
    vocabulary = tokenizer.get_vocab() if hasattr(tokenizer, "get_vocab") else None
    if vocabulary != expected:
        raise ConfigError(f"tokenizer is a {type(tokenizer).__name__} whose vocabulary is not {whose}; leave it out")
