"""What the jobs that go part by part share: how frames are made, and who made a part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from virnucpro.embedding.records import Limits
from virnucpro.errors import StoreError
from virnucpro.models.placement import Placement
from virnucpro.records import ModelIdentity
from virnucpro.sequences.frame_rules import FrameRule
from virnucpro.store.receipts import Provenance, receipt_path

__all__ = ["FrameSettings", "combine_identities", "part_provenance", "settle_leftovers"]


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How sequences become frames, and frames numbers.

    Attributes
    ----------
    window_bp : int
        Bases of a window.
    genetic_code : int
        NCBI's number.
    max_tokens : int or None
        Budget of one batch; None for what suits each encoder.
    placement : Placement
        Where encoders run; its number format decides the numbers, its device does not.
    frames : {"open", "longest"}
        How frames are chosen.
    """

    window_bp: int
    genetic_code: int
    max_tokens: int | None
    placement: Placement
    frames: FrameRule = "open"

    @property
    def limits(self) -> Limits:
        """No frame is longer than its window, so nothing is cut."""
        return Limits(max_residues=self.window_bp, max_tokens=self.max_tokens)

    def decisive(self) -> dict[str, Any]:
        """What changes the numbers.

        Returns
        -------
        dict
            For receipts; `frames` only where they are not VirNucPro's.
        """
        rule = {} if self.frames == "open" else {"frames": self.frames}
        dtype = self.placement.dtype_name
        return {"window_bp": self.window_bp, "genetic_code": self.genetic_code, "dtype": dtype, **rule}


def combine_identities(models: dict[str, ModelIdentity]) -> ModelIdentity:
    """Make one identity of the models that a part is made with.

    Parameters
    ----------
    models : dict of str to ModelIdentity
        Role and model.

    Returns
    -------
    ModelIdentity
        Its digest follows every model's; its architecture holds them all.
    """
    digest = hashlib.sha256("\n".join(f"{role} {m.weights_sha256}" for role, m in models.items()).encode()).hexdigest()
    name = " + ".join(model.name for model in models.values())
    shapes = {role: {"weights sha256": m.weights_sha256, **m.architecture} for role, m in models.items()}
    return ModelIdentity(name, None, digest, shapes)


def part_provenance(base: Provenance, part: int) -> Provenance:
    """What one part was made from.

    Parameters
    ----------
    base : Provenance
        Of all parts.
    part : int
        Number of the part.

    Returns
    -------
    Provenance
        With the number among the settings.
    """
    return replace(base, settings={**base.settings, "part": part})


def settle_leftovers(leftovers: Iterable[Path], overwrite: bool) -> None:
    """Leave no part of an earlier run beside those of this one, where it would be read as one of them.

    Parameters
    ----------
    leftovers : iterable of Path
        Parts that are there and are none of this run's.
    overwrite : bool
        Remove them; else they are refused.

    Raises
    ------
    StoreError
        If there is one that may not be removed.
    """
    for path in leftovers:
        if not overwrite:
            raise StoreError(
                f"{path} is of an earlier run on something else, and this run has no such part; --overwrite removes it"
            )
        receipt_path(path).unlink(missing_ok=True)
        path.unlink()
