"""Settings of `embed` and `embed_files`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virnucpro.models.catalog import CATALOG, DEFAULT_MODEL
from virnucpro.models.hub import find_architecture, find_checkpoint
from virnucpro.models.placement import choose_placement
from virnucpro.models.readout import DEFAULT_READOUT, Pool, Readout, no_choice
from virnucpro.writers.vectors import VectorFormat, require_format

__all__ = ["EmbedSettings"]


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
