"""What the jobs that go part by part share: how frames are made, what a part was made from, whose parts there are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from virnucpro.embedding.records import Limits
from virnucpro.errors import StoreError
from virnucpro.models.placement import Placement
from virnucpro.pipeline.framing import FramePart
from virnucpro.records import ModelIdentity
from virnucpro.sequences.frame_rules import FrameRule
from virnucpro.store.failures import replace_failures
from virnucpro.store.receipts import Provenance, receipt_path

__all__ = ["FrameSettings", "begin_anew", "combine_identities", "part_provenance", "refuse_parts"]


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


def part_provenance(base: Provenance, part: FramePart) -> Provenance:
    """What one part was made from.

    Parameters
    ----------
    base : Provenance
        Of all parts.
    part : FramePart
        The part.

    Returns
    -------
    Provenance
        With its number and the digest of its windows and frames among the settings: where parts end, and what is a row,
        is for the version to say that made it.
    """
    return replace(base, settings={**base.settings, "part": part.number, "rows sha256": part.rows_sha256})


def refuse_parts(leftovers: Iterable[Path]) -> None:
    """Refuse to leave parts that are none of this run's beside its own, where they would be read as such.

    Parameters
    ----------
    leftovers : iterable of Path
        Parts that are there and that this run has not.

    Raises
    ------
    StoreError
        If there is one.
    """
    for path in leftovers:
        raise StoreError(
            f"{path} is no part of this run and would be read as one; remove it, or add --overwrite to make all anew"
        )


def begin_anew(parts: Iterable[Path], outdir: Path, file: str) -> None:
    """Remove parts with their receipts, and what the failure log says of their input.

    Parameters
    ----------
    parts : iterable of Path
        Parts of whatever run.
    outdir : Path
        Where the log is.
    file : str
        The input's name in it.

    Raises
    ------
    StoreError
        If something cannot be removed.
    """
    for path in parts:
        try:
            path.unlink()  # first: a receipt without its part is nothing; features without a receipt would be kept
            receipt_path(path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {path}: {error.strerror or error}; check permissions") from error
    replace_failures(outdir, file, [])
