"""From one sequence as written to one vector: tokens, encoder and pooling under one interface."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from virnucpro.errors import InputError
from virnucpro.models.catalog import DEFAULT_MODEL
from virnucpro.models.checkpoints import AnyCheckpoint
from virnucpro.models.dna_tokens import DnaTokenizer
from virnucpro.models.dnabert_s_checkpoints import DNABERTSCheckpoint
from virnucpro.models.esm2_checkpoints import ESM2Checkpoint
from virnucpro.models.hub import find_checkpoint
from virnucpro.models.layers import PackedModel
from virnucpro.models.pack import Pack, filler
from virnucpro.models.placement import Placement, choose_placement
from virnucpro.models.pooling import mean_over_residues, mean_over_tokens
from virnucpro.models.prepacked import can_prepack, prepack
from virnucpro.models.tokens import encode_protein
from virnucpro.records import ModelIdentity
from virnucpro.sequences.nucleotides import clean_dna
from virnucpro.sequences.proteins import clean_protein

__all__ = ["DnaEncoder", "Encoder", "PackedEncoder", "Prepared", "ProteinEncoder", "encoder_of", "load_encoder"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sequence ready for its encoder."""

    tokens: NDArray[np.int64]  # (length,) Token ids, special tokens included
    residues: int  # letters among them
    truncated: bool  # whether letters beyond the limit were left out
    replaced: int  # characters among them without a token of their own, N among nucleotides included


class Encoder(Protocol):
    """What the embedding stage asks of any model."""

    @property
    def identity(self) -> ModelIdentity:
        """Which weights these are."""

    @property
    def placement(self) -> Placement:
        """Where they run."""

    @property
    def width(self) -> int:
        """Numbers per vector."""

    def prepare(self, sequence: str, max_residues: int) -> Prepared:
        """Clean, cut and tokenise one sequence; InputError when nothing is left of it. Called by several threads."""

    def embed(self, tokens: Sequence[NDArray[np.int64]], exact: bool = False) -> NDArray[np.float32]:
        """Encode a batch: one float32 row per token sequence; `exact` works in float32. Called by several threads."""


@dataclass(frozen=True, eq=False)
class PackedEncoder:
    """A model on packs, with the pooling that belongs to it."""

    model: PackedModel  # the network
    identity: ModelIdentity  # which weights it has
    placement: Placement  # where it runs

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.model.width

    @staticmethod
    @abstractmethod
    def pool(hidden_ND: Tensor, pack: Pack) -> Tensor:
        """Make one float32 vector per sequence out of one per token."""

    @torch.inference_mode()
    def embed(self, tokens: Sequence[NDArray[np.int64]], exact: bool = False) -> NDArray[np.float32]:
        """Encode a batch and pool each sequence."""
        pack = Pack.of([*tokens, *filler(tokens, self.width)], self.model.device)
        hidden_ND = self.model(pack, torch.float32 if exact else None)
        return self.pool(hidden_ND, pack)[: len(tokens)].cpu().numpy()


def _for_inference(model: PackedModel, placement: Placement) -> PackedModel:
    """Lay weights out as the hardware likes them and use them once; to train, take the model from its checkpoint."""
    if can_prepack(placement):
        prepack(model)
    # Where two threads were the first to use a kernel, and at once, last digits of a batch changed in 4 of 10 runs.
    tokens = [np.zeros(6, np.int64)]
    with torch.inference_mode():
        model(Pack.of([*tokens, *filler(tokens, model.width)], model.device))
    return model


@dataclass(frozen=True, eq=False)
class ProteinEncoder(PackedEncoder):
    """An ESM-2 with its tokens and its pooling: the mean over residues."""

    pool = staticmethod(mean_over_residues)

    @classmethod
    def load(cls, checkpoint: ESM2Checkpoint, placement: Placement) -> ProteinEncoder:
        """Read weights into an encoder."""
        return cls(_for_inference(checkpoint.load(placement), placement), checkpoint.identity, placement)

    def prepare(self, sequence: str, max_residues: int) -> Prepared:
        """Clean, cut and tokenise one protein."""
        clean = clean_protein(sequence, max_residues)
        if not clean.residues:
            raise InputError("no residue is left after dropping whitespace and trailing stops")
        return Prepared(encode_protein(clean.residues), len(clean.residues), clean.truncated, clean.replaced)


@dataclass(frozen=True, eq=False)
class DnaEncoder(PackedEncoder):
    """A DNABERT-S with its tokens and its pooling: the mean over all tokens, [CLS] and [SEP] included."""

    tokenizer: DnaTokenizer  # its tokens

    pool = staticmethod(mean_over_tokens)

    @classmethod
    def load(cls, checkpoint: DNABERTSCheckpoint, placement: Placement) -> DnaEncoder:
        """Read weights into an encoder."""
        model = _for_inference(checkpoint.load(placement), placement)
        return cls(model, checkpoint.identity, placement, checkpoint.tokenizer)

    def prepare(self, sequence: str, max_residues: int) -> Prepared:
        """Clean, cut and tokenise one nucleotide sequence."""
        clean = clean_dna(sequence, max_residues)
        if not clean.letters:
            raise InputError("no nucleotide is left after dropping whitespace")
        return Prepared(self.tokenizer.encode(clean.letters), len(clean.letters), clean.truncated, clean.unknown)


def encoder_of(checkpoint: AnyCheckpoint, placement: Placement) -> ProteinEncoder | DnaEncoder:
    """Read weights into the encoder that goes with them."""
    if isinstance(checkpoint, DNABERTSCheckpoint):
        return DnaEncoder.load(checkpoint, placement)
    return ProteinEncoder.load(checkpoint, placement)


def load_encoder(model: str = DEFAULT_MODEL, device: str = "auto", dtype: str = "auto") -> ProteinEncoder | DnaEncoder:
    """Load an encoder by name or path.

    Parameters
    ----------
    model : str, default: "fastesm2-650"
        A name of the catalog such as ``dnabert-s``, ``mini`` or ``mini-dna`` of the package, a folder in the published
        layout, or fair-esm's `.pt` file.
    device : str, default: "auto"
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...
    dtype : str, default: "auto"
        ``auto``, ``fp32``, ``bf16`` or ``fp16``.

    Returns
    -------
    ProteinEncoder or DnaEncoder
        What the extraction functions take as `model`.

    Raises
    ------
    WeightsError
        If the weights are not to be had or do not fit their configuration.
    DeviceError
        If the device or number format is not available.
    """
    placement = choose_placement(device, dtype)
    return encoder_of(find_checkpoint(model), placement)
