"""The encoders of a run: identified immediately, loaded when the first part needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from virnucpro.errors import ConfigError
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.catalog import CATALOG, MINI, catalogue_identity, catalogue_width
from virnucpro.models.hub import find_checkpoint, find_molecule
from virnucpro.models.placement import Placement
from virnucpro.records import ModelIdentity, Molecule

if TYPE_CHECKING:
    from virnucpro.models.encoders import Encoder
    from virnucpro.models.matching import Checkpoint

__all__ = ["ChosenEncoders", "parameters"]

ROLES = {"dna": Molecule.DNA, "protein": Molecule.PROTEIN}
"""In column order of a feature row."""

MINI_WEIGHTS = 2.5e4
"""By its pace, not its size: a thread without AMX embeds 1.0 Mb/s, as if each base met this many weights."""


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
        """Identities of the weights; weights of the catalogue need not be on this machine."""
        return {
            role: catalogue_identity(self.names[role]) or self.checkpoints[role].identity
            for role in ROLES
            if role in self.names
        }

    @cached_property
    def checkpoints(self) -> dict[str, Checkpoint[Any]]:
        """Checkpoints that were found but not loaded."""
        return {role: find_checkpoint(self.names[role]) for role in ROLES if role in self.names}

    def resolve(self) -> dict[str, ModelIdentity]:
        """Find and digest all weights."""
        return {role: checkpoint.identity for role, checkpoint in self.checkpoints.items()}

    @cached_property
    def encoders(self) -> dict[str, Encoder]:
        """Load all encoders, once."""
        from virnucpro.models.encoders import encoder_of

        return {role: encoder_of(checkpoint, self.placement) for role, checkpoint in self.checkpoints.items()}

    def spec(self, like: FeatureSpec, identities: Mapping[str, ModelIdentity]) -> FeatureSpec:
        """Feature spec of these encoders, with windows and rows as in `like`."""
        uses = {role: EncoderUse(self.width(role), identity) for role, identity in identities.items()}
        return FeatureSpec(like.window_bp, uses.get("dna"), uses.get("protein"), like.rows)

    def width(self, role: str) -> int:
        """Numbers per vector of an encoder."""
        known = catalogue_width(self.identities[role])
        return known if known is not None else self.checkpoints[role].width

    def flop_per_token(self) -> float:
        """Approximate operations per token of all encoders: two per weight."""
        return sum(2.0 * parameters(name) for name in self.names.values())


def parameters(name: str) -> float:
    """Number of weights of a model, from the catalogue; those of unknown models count as few."""
    if name == MINI:
        return MINI_WEIGHTS
    entry = CATALOG.get(name)
    return 1e6 if entry is None else float(entry.parameters[:-1]) * (1e9 if entry.parameters.endswith("B") else 1e6)
