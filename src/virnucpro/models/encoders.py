"""From one sequence as written to one vector: tokens, encoder and pooling under one interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro.errors import InputError
from virnucpro.models.catalog import DEFAULT_MODEL
from virnucpro.models.checkpoints import Checkpoint
from virnucpro.models.esm2 import ESM2
from virnucpro.models.hub import find_checkpoint
from virnucpro.models.pack import Pack
from virnucpro.models.placement import Placement, choose_placement
from virnucpro.models.pooling import mean_over_residues
from virnucpro.models.tokens import encode_protein
from virnucpro.records import ModelIdentity
from virnucpro.sequences.proteins import clean_protein

__all__ = ["Encoder", "Prepared", "ProteinEncoder", "load_encoder"]


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
        Characters without a token of their own.
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
        """Clean, cut and tokenise one sequence; InputError when nothing is left of it."""

    def embed(self, tokens: Sequence[NDArray[np.int64]], exact: bool = False) -> NDArray[np.float32]:
        """Encode a batch: one float32 row per token sequence; `exact` works in float32."""


@dataclass(frozen=True, eq=False)
class ProteinEncoder:
    """An ESM-2 with its tokens and its pooling.

    Attributes
    ----------
    model : ESM2
        The network.
    identity : ModelIdentity
        Which weights it has.
    placement : Placement
        Where it runs.
    """

    model: ESM2
    identity: ModelIdentity
    placement: Placement

    @classmethod
    def load(cls, checkpoint: Checkpoint, placement: Placement) -> ProteinEncoder:
        """Read weights into an encoder.

        Parameters
        ----------
        checkpoint : Checkpoint
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
        return cls(checkpoint.load(placement), checkpoint.identity, placement)

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.model.config.width

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
        clean = clean_protein(sequence)
        if not clean.residues:
            raise InputError("no residue is left after dropping whitespace and trailing stops")
        residues = clean.residues[:max_residues]
        return Prepared(encode_protein(residues), len(residues), len(clean.residues) > max_residues, clean.replaced)

    @torch.inference_mode()
    def embed(self, tokens: Sequence[NDArray[np.int64]], exact: bool = False) -> NDArray[np.float32]:
        """Encode a batch and average each protein over its residues.

        Parameters
        ----------
        tokens : sequence of numpy.ndarray, each of shape (residues + 2,), int64
            Token sequences; they share one pack.
        exact : bool, default: False
            Work in float32 whatever the weights are.

        Returns
        -------
        numpy.ndarray, shape (B, D), float32
            One row per protein, in the order given.
        """
        pack = Pack.of(tokens, self.model.device)
        hidden_ND = self.model(pack, torch.float32 if exact else None)
        return mean_over_residues(hidden_ND, pack).cpu().numpy()


def load_encoder(model: str = DEFAULT_MODEL, device: str = "auto", dtype: str = "auto") -> ProteinEncoder:
    """Load a protein encoder by name or path.

    Parameters
    ----------
    model : str, default: "fastesm2-650"
        A name of the catalog, a folder in the published layout, or fair-esm's `.pt` file.
    device : str, default: "auto"
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...
    dtype : str, default: "auto"
        ``auto``, ``fp32``, ``bf16`` or ``fp16``.

    Returns
    -------
    ProteinEncoder
        What the extraction functions take as `model`.

    Raises
    ------
    WeightsError
        If the weights are not to be had or do not fit their configuration.
    DeviceError
        If the device or number format is not available.
    """
    placement = choose_placement(device, dtype)
    return ProteinEncoder.load(find_checkpoint(model), placement)
