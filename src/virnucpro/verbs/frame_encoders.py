"""Choosing the two encoders of a job: found and described at once, loaded when the first part needs them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from virnucpro.errors import ConfigError
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.checkpoints import AnyCheckpoint
from virnucpro.models.encoders import encoder_of
from virnucpro.models.hub import find_checkpoint
from virnucpro.models.placement import Placement
from virnucpro.records import ModelIdentity, Molecule
from virnucpro.sequences.frame_rules import FrameRule
from virnucpro.verbs.frame_features import FrameEncoders

__all__ = ["ChosenEncoders", "choose_encoders"]


@dataclass(frozen=True, eq=False)
class ChosenEncoders:
    """Weights of a DNA and a protein encoder, found but not read."""

    dna: AnyCheckpoint | None  # none leaves that part out
    protein: AnyCheckpoint | None  # none leaves that part out
    placement: Placement  # where they will run

    @property
    def identities(self) -> dict[str, ModelIdentity]:
        """Identity by role."""
        checkpoints = {"dna": self.dna, "protein": self.protein}
        return {role: checkpoint.identity for role, checkpoint in checkpoints.items() if checkpoint}

    def spec(self, window_bp: int, frames: FrameRule = "open") -> FeatureSpec:
        """What a row made with these encoders is."""
        dna, protein = (
            EncoderUse(checkpoint.width, checkpoint.identity) if checkpoint else None
            for checkpoint in (self.dna, self.protein)
        )
        return FeatureSpec(window_bp, dna, protein, frames)

    @cached_property
    def _loaded(self) -> FrameEncoders:
        dna, protein = (
            encoder_of(checkpoint, self.placement) if checkpoint else None for checkpoint in (self.dna, self.protein)
        )
        return FrameEncoders(dna, protein)

    def load(self) -> FrameEncoders:
        """Read the weights, the first time."""
        return self._loaded


def choose_encoders(dna_model: str | None, protein_model: str | None, placement: Placement) -> ChosenEncoders:
    """Find the weights of two encoders."""
    dna, protein = (find_checkpoint(model) if model else None for model in (dna_model, protein_model))
    for checkpoint, molecule, option in (
        (dna, Molecule.DNA, "--dna-model"),
        (protein, Molecule.PROTEIN, "--protein-model"),
    ):
        if checkpoint and checkpoint.molecule is not molecule:
            raise ConfigError(f"{option} {checkpoint.name} reads {checkpoint.molecule.value}, not {molecule.value}")
    return ChosenEncoders(dna, protein, placement)
