"""What the jobs that go part by part share: how frames are made, and who made a part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from virnucpro.embedding.records import Limits
from virnucpro.errors import StoreError
from virnucpro.models.placement import Placement
from virnucpro.pipeline.framing import FramePart
from virnucpro.records import Failure, ModelIdentity
from virnucpro.sequences.frame_rules import FrameRule
from virnucpro.store.failures import append_failures, replace_failures
from virnucpro.store.receipts import Provenance, receipt_path

__all__ = ["FrameSettings", "begin_anew", "combine_identities", "log_failures", "part_provenance", "refuse_parts"]


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
            path.unlink()  # first: a part without a receipt is never taken for finished
            receipt_path(path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {path}: {error.strerror or error}; check permissions") from error
    replace_failures(outdir, file, [])


def log_failures(path: Path, outdir: Path, file: str, part: FramePart, failures: Sequence[Failure]) -> None:
    """Log the failed frames of a part that is about to be written.

    Parameters
    ----------
    path : Path
        Of the part; where it is there already, it lacked what did not fit in memory, and its lines are replaced.
    outdir : Path
        Where the log is.
    file : str
        The input's name in it.
    part : FramePart
        All of its frames.
    failures : sequence of Failure
        Those that failed.

    Raises
    ------
    StoreError
        If the log cannot be written.
    """
    if path.exists():
        replace_failures(outdir, file, failures, {frame.id for frame in part.frames})
    else:
        append_failures(outdir, file, failures)
