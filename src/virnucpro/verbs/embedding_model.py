"""The encoder of an embedding, identified immediately and read when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from virnucpro.features.vectors import require_catalogue_width
from virnucpro.models.catalog import catalogue_identity
from virnucpro.models.hub import find_architecture, find_checkpoint
from virnucpro.models.placement import Placement
from virnucpro.models.readout import Readout
from virnucpro.models.registry import Architecture
from virnucpro.records import ModelIdentity

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder

__all__ = ["EmbeddingModel"]


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
