"""The encoders of a run: named and described at once, read when the first part needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from virnucpro.errors import ConfigError
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.catalog import CATALOG, catalogue_identity, catalogue_width
from virnucpro.models.hub import find_checkpoint, find_molecule
from virnucpro.models.placement import Placement
from virnucpro.records import ModelIdentity, Molecule

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder
    from virnucpro.models.matching import Checkpoint

__all__ = ["ChosenEncoders", "parameters"]

ROLES = {"dna": Molecule.DNA, "protein": Molecule.PROTEIN}
"""In the order of their numbers in a feature row."""


@dataclass(frozen=True, eq=False)
class ChosenEncoders:
    """Names or paths of encoders by role, ``dna`` and ``protein``."""

    names: Mapping[str, str]
    placement: Placement

    def __post_init__(self) -> None:
        for role, name in self.names.items():
            if (found := find_molecule(name)) is not ROLES[role]:
                raise ConfigError(f"--{role}-model {name} reads {found.value}, not {ROLES[role].value}")

    @cached_property
    def identities(self) -> dict[str, ModelIdentity]:
        """Which weights are meant; those of the catalogue need not be on this machine."""
        return {
            role: catalogue_identity(self.names[role]) or self.checkpoints[role].identity
            for role in ROLES
            if role in self.names
        }

    @cached_property
    def checkpoints(self) -> dict[str, Checkpoint[Any]]:
        """Weights that were found, not read."""
        return {role: find_checkpoint(self.names[role]) for role in ROLES if role in self.names}

    def resolve(self) -> dict[str, ModelIdentity]:
        """Find all weights and digest them."""
        return {role: checkpoint.identity for role, checkpoint in self.checkpoints.items()}

    @cached_property
    def encoders(self) -> dict[str, Encoder]:
        """Read all weights, once."""
        from virnucpro.models.encoders import encoder_of

        return {role: encoder_of(checkpoint, self.placement) for role, checkpoint in self.checkpoints.items()}

    def spec(self, like: FeatureSpec, identities: Mapping[str, ModelIdentity]) -> FeatureSpec:
        """Describe the rows that these encoders make of windows and rows as in `like`."""
        uses = {role: EncoderUse(self.width(role), identity) for role, identity in identities.items()}
        return FeatureSpec(like.window_bp, uses.get("dna"), uses.get("protein"), like.rows)

    def width(self, role: str) -> int:
        """Numbers per vector of an encoder."""
        known = catalogue_width(self.identities[role])
        return known if known is not None else self.checkpoints[role].width

    def flop_per_token(self) -> float:
        """Rough work of all encoders for one token: two operations for each weight."""
        return sum(2.0 * parameters(name) for name in self.names.values())


def parameters(name: str) -> float:
    """How many weights a model has, from the catalogue; a packaged model is small."""
    entry = CATALOG.get(name)
    return 1e6 if entry is None else float(entry.parameters[:-1]) * (1e9 if entry.parameters.endswith("B") else 1e6)
