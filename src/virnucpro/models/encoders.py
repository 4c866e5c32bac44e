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
    """A sequence ready for its encoder.

    Attributes
    ----------
    tokens : numpy.ndarray, shape (length,), int64
        Token ids, special tokens included.
    residues : int
        Letters among them.
    truncated : bool
        Whether letters beyond the limit were left out.
    replaced : int
        Characters among them without a token of their own, N among nucleotides included.
    """

    tokens: NDArray[np.int64]
    residues: int
    truncated: bool
    replaced: int


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
    """A model on packs, with the pooling that belongs to it.

    Attributes
    ----------
    model : PackedModel
        The network.
    identity : ModelIdentity
        Which weights it has.
    placement : Placement
        Where it runs.
    """

    model: PackedModel
    identity: ModelIdentity
    placement: Placement

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.model.width

    @staticmethod
    @abstractmethod
    def pool(hidden_ND: Tensor, pack: Pack) -> Tensor:
        """Make one float32 vector per sequence out of one per token.

        Parameters
        ----------
        hidden_ND : Tensor, shape (N, D)
            One vector per token, in any number format.
        pack : Pack
            Whose sequences the tokens are.

        Returns
        -------
        Tensor, shape (B, D), float32
            One row per sequence.
        """

    @torch.inference_mode()
    def embed(self, tokens: Sequence[NDArray[np.int64]], exact: bool = False) -> NDArray[np.float32]:
        """Encode a batch and pool each sequence.

        Parameters
        ----------
        tokens : sequence of numpy.ndarray, each of shape (length,), int64
            Token sequences with their special tokens; they share one pack.
        exact : bool, default: False
            Work in float32 whatever the weights are.

        Returns
        -------
        numpy.ndarray, shape (B, D), float32
            One row per sequence, in the order given.
        """
        pack = Pack.of([*tokens, *filler(tokens, self.width)], self.model.device)
        hidden_ND = self.model(pack, torch.float32 if exact else None)
        return self.pool(hidden_ND, pack)[: len(tokens)].cpu().numpy()


def _for_inference(model: PackedModel, placement: Placement) -> PackedModel:
    """Lay weights out as the hardware likes them; who wants to train takes the model from its checkpoint."""
    if can_prepack(placement):
        prepack(model)
    return model


@dataclass(frozen=True, eq=False)
class ProteinEncoder(PackedEncoder):
    """An ESM-2 with its tokens and its pooling: the mean over residues."""

    pool = staticmethod(mean_over_residues)

    @classmethod
    def load(cls, checkpoint: ESM2Checkpoint, placement: Placement) -> ProteinEncoder:
        """Read weights into an encoder.

        Parameters
        ----------
        checkpoint : ESM2Checkpoint
            The weights.
        placement : Placement
            Device and number format.

        Returns
        -------
        ProteinEncoder
            Ready to embed.

        Raises
        ------
        WeightsError
            If the weights do not fit their configuration.
        """
        return cls(_for_inference(checkpoint.load(placement), placement), checkpoint.identity, placement)

    def prepare(self, sequence: str, max_residues: int) -> Prepared:
        """Clean, cut and tokenise one protein.

        Parameters
        ----------
        sequence : str
            As it stands in its file.
        max_residues : int
            How many residues are used, from the first.

        Returns
        -------
        Prepared
            Its tokens, and what was done to it.

        Raises
        ------
        InputError
            If no residue is left after cleaning.
        """
        clean = clean_protein(sequence, max_residues)
        if not clean.residues:
            raise InputError("no residue is left after dropping whitespace and trailing stops")
        return Prepared(encode_protein(clean.residues), len(clean.residues), clean.truncated, clean.replaced)


@dataclass(frozen=True, eq=False)
class DnaEncoder(PackedEncoder):
    """A DNABERT-S with its tokens and its pooling: the mean over all tokens, [CLS] and [SEP] included.

    Attributes
    ----------
    tokenizer : DnaTokenizer
        Its tokens.
    """

    tokenizer: DnaTokenizer

    pool = staticmethod(mean_over_tokens)

    @classmethod
    def load(cls, checkpoint: DNABERTSCheckpoint, placement: Placement) -> DnaEncoder:
        """Read weights into an encoder.

        Parameters
        ----------
        checkpoint : DNABERTSCheckpoint
            The weights.
        placement : Placement
            Device and number format.

        Returns
        -------
        DnaEncoder
            Ready to embed.

        Raises
        ------
        WeightsError
            If the weights do not fit their configuration.
        """
        model = _for_inference(checkpoint.load(placement), placement)
        return cls(model, checkpoint.identity, placement, checkpoint.tokenizer)

    def prepare(self, sequence: str, max_residues: int) -> Prepared:
        """Clean, cut and tokenise one nucleotide sequence.

        Parameters
        ----------
        sequence : str
            As it stands in its file.
        max_residues : int
            How many letters are used, from the first. The model knows no longest sequence, but its attention needs
            memory for every pair of tokens.

        Returns
        -------
        Prepared
            Its tokens, and what was done to it; `residues` are letters.

        Raises
        ------
        InputError
            If no letter is left after cleaning.
        """
        clean = clean_dna(sequence, max_residues)
        if not clean.letters:
            raise InputError("no nucleotide is left after dropping whitespace")
        return Prepared(self.tokenizer.encode(clean.letters), len(clean.letters), clean.truncated, clean.unknown)


def encoder_of(checkpoint: AnyCheckpoint, placement: Placement) -> ProteinEncoder | DnaEncoder:
    """Read weights into the encoder that goes with them.

    Parameters
    ----------
    checkpoint : ESM2Checkpoint or DNABERTSCheckpoint
        The weights.
    placement : Placement
        Device and number format.

    Returns
    -------
    ProteinEncoder or DnaEncoder
        Ready to embed.

    Raises
    ------
    WeightsError
        If the weights do not fit their configuration.
    """
    kind = DnaEncoder if isinstance(checkpoint, DNABERTSCheckpoint) else ProteinEncoder
    encoder: ProteinEncoder | DnaEncoder = kind.load(checkpoint, placement)  # type: ignore[arg-type]
    # Where two threads were the first to use a kernel, and at once, last digits of a batch changed in 4 of 10 runs.
    tokens = [encoder.prepare("ACGT", 4).tokens]
    with torch.inference_mode():
        encoder.model(Pack.of([*tokens, *filler(tokens, encoder.width)], encoder.model.device))
    return encoder


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
