"""The interface of every encoder: tokenise sequences, then compute one vector for each row of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro.models.catalog import DEFAULT_MODEL
from virnucpro.models.filling import unchanged
from virnucpro.models.hub import find_checkpoint
from virnucpro.models.layers import PackedModel
from virnucpro.models.matching import Checkpoint
from virnucpro.models.pack import WIDE, Pack, filler
from virnucpro.models.placement import Placement, choose_placement
from virnucpro.models.pooling import pool_tokens
from virnucpro.models.prepacked import can_prepack, prepacked
from virnucpro.models.readout import DEFAULT_READOUT, Readout
from virnucpro.models.registry import Architecture
from virnucpro.records import ModelIdentity
from virnucpro.sequences.ragged import Ragged

__all__ = [
    "ACCELERATOR_MAX_TOKENS",
    "CPU_MAX_TOKENS",
    "Encoder",
    "PackedEncoder",
    "Tokens",
    "encoder_of",
    "for_inference",
    "load_encoder",
]

CPU_MAX_TOKENS, NARROW_CPU_MAX_TOKENS = 1024, 4096
"""For wide encoders, what fits in the cache; for narrow ones, enough to keep a thread busy."""

ACCELERATOR_MAX_TOKENS = 16384
"""Large enough that kernel launches do not dominate, according to published figures of such encoders."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Tokenised sequences."""

    ragged: Ragged  # rows of tokens, including special ones; length 0 for an empty sequence
    residues: NDArray[np.int64]  # (n,) letters used
    truncated: NDArray[np.bool_]  # (n,) whether letters were cut off
    replaced: NDArray[np.int64]  # (n,) letters without a token of their own; N counts among nucleotides


class Encoder(Protocol):
    """The interface of every encoder."""

    @property
    def identity(self) -> ModelIdentity:
        """Identity of the weights."""

    @property
    def placement(self) -> Placement:
        """Device and number format."""

    @property
    def width(self) -> int:
        """Numbers per vector."""

    @property
    def architecture(self) -> Architecture:
        """Its entry in the registry: molecule, suffix and layout of feature files."""

    @property
    def suffix(self) -> str:
        """Suffix of its feature files."""

    @property
    def batch_tokens(self) -> int:
        """Suitable number of tokens per batch on its device; on a CPU, every thread has such a batch."""

    def tokenise(self, sequences: Sequence[str], max_residues: int) -> Tokens:
        """Clean, truncate and tokenise raw sequences."""

    def embed(self, tokens: Ragged, exact: bool = False) -> NDArray[np.float32]:
        """Encode a batch: shape (vectors, width); `exact` computes in float32. Called by several threads."""

    def vectors_of(self, tokens: Ragged) -> NDArray[np.int64]:
        """Count the vectors of each row of tokens: one, unless every residue has its own."""

    def reading(self, readout: Readout) -> Self:
        """Give this encoder with other layers and pooling; ConfigError where it has no choice."""


@dataclass(frozen=True, eq=False)
class PackedEncoder:
    """A model that works on packs, and the tokens that its vectors are made of."""

    architecture: ClassVar[Architecture]
    used: ClassVar[slice]  # which tokens of a sequence

    model: PackedModel
    identity: ModelIdentity
    placement: Placement
    readout: Readout = field(default=DEFAULT_READOUT, kw_only=True)

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.model.width * len(self.readout.layers)

    @property
    def suffix(self) -> str:
        """Suffix of its feature files."""
        return self.architecture.suffix

    @property
    def batch_tokens(self) -> int:
        """Suitable number of tokens per batch on its device."""
        if self.placement.device.type != "cpu":
            return ACCELERATOR_MAX_TOKENS
        return CPU_MAX_TOKENS if self.model.width >= WIDE else NARROW_CPU_MAX_TOKENS

    @torch.inference_mode()
    def embed(self, tokens: Ragged, exact: bool = False) -> NDArray[np.float32]:
        """Encode a batch and pool each sequence."""
        on_cpu = self.model.device.type == "cpu"
        pack = Pack.of(filler(tokens, self.model.width) if on_cpu else tokens, self.model.device)
        hidden_ND = self.model(pack, torch.float32 if exact else None, self.readout)
        vectors = pool_tokens(hidden_ND, pack, self.used, self.readout.pool)
        return vectors[: int(self.vectors_of(tokens).sum())].cpu().numpy()

    def vectors_of(self, tokens: Ragged) -> NDArray[np.int64]:
        """Count the vectors of each row of tokens."""
        if self.readout.pool != "none":
            return np.ones(len(tokens), np.int64)
        return np.array([len(range(*self.used.indices(length))) for length in tokens.lengths.tolist()], np.int64)

    def reading(self, readout: Readout) -> Self:
        """Give this encoder with other layers and pooling."""
        readout.numbers(len(self.model.layers))
        return self if readout == self.readout else replace(self, readout=readout)


def for_inference(checkpoint: Checkpoint[Any], placement: Placement) -> PackedModel:
    """Load weights in the hardware's layout and run them once; for training, use the model of the checkpoint."""
    model: PackedModel = checkpoint.load(placement, prepacked if can_prepack(placement) else unchanged)
    # When two threads used a kernel for the first time simultaneously, last digits changed in 4 of 10 runs.
    first_use = filler(Ragged.of([np.zeros(6, np.int64)]), model.width)
    with torch.inference_mode():
        model(Pack.of(first_use, model.device))
    return model


def encoder_of(checkpoint: Checkpoint[Any], placement: Placement) -> Encoder:
    """Load the weights of a checkpoint into its encoder."""
    return checkpoint.encoder(placement)


def load_encoder(model: str = DEFAULT_MODEL, device: str = "auto", dtype: str = "auto") -> Encoder:
    """Load an encoder by name or path.

    Parameters
    ----------
    model : str, default: "fastesm2-650"
        A name that ``virnucpro models`` lists, such as ``dnabert-s`` or ``mini``; a folder with ``config.json`` and
        weights in the published layout; or a ``.pt`` file of fair-esm.
    device : str, default: "auto"
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ... ``auto`` takes a GPU if there is one.
    dtype : str, default: "auto"
        ``auto``, ``fp32``, ``bf16`` or ``fp16``: the number format of weights and arithmetic. Vectors are always
        float32.

    Returns
    -------
    Encoder
        What the extraction functions take as `model`. ``encoder.width`` is the length of its vectors,
        ``encoder.identity`` names its weights.

    Raises
    ------
    WeightsError
        If the weights are not on this machine and cannot be downloaded, or do not fit their configuration.
    DeviceError
        If the device or the number format is not available, or the model does not fit in its memory.

    Examples
    --------
    >>> import virnucpro
    >>> encoder = virnucpro.load_encoder("mini", device="cpu", dtype="fp32")
    >>> encoder.embed(encoder.tokenise(["ACGTACGT", "ACG"], max_residues=1024).ragged).shape
    (2, 256)
    """
    placement = choose_placement(device, dtype)
    return encoder_of(find_checkpoint(model), placement)
