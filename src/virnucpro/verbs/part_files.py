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
from virnucpro.records import ModelIdentity
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.manifests import Provenance, receipt_path
from virnucpro.sequences.frame_rules import FrameRule
from virnucpro.verbs.framing import FramePart

__all__ = ["FrameSettings", "begin_anew", "combine_identities", "part_provenance", "refuse_parts"]


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How sequences become frames, and frames numbers."""

    window_bp: int  # bases of a window
    genetic_code: int  # NCBI's number
    max_tokens: int | None  # budget of one batch; None for what suits each encoder
    placement: Placement  # where encoders run; its number format decides the numbers, its device does not
    frames: FrameRule = "open"  # how frames are chosen

    @property
    def limits(self) -> Limits:
        """No frame is longer than its window, so nothing is cut."""
        return Limits(max_residues=self.window_bp, max_tokens=self.max_tokens)

    def decisive(self) -> dict[str, Any]:
        """What changes the numbers."""
        rule = {} if self.frames == "open" else {"frames": self.frames}
        dtype = self.placement.dtype_name
        return {"window_bp": self.window_bp, "genetic_code": self.genetic_code, "dtype": dtype, **rule}


def combine_identities(models: dict[str, ModelIdentity]) -> ModelIdentity:
    """Make one identity of the models that a part is made with."""
    digest = hashlib.sha256("\n".join(f"{role} {m.weights_sha256}" for role, m in models.items()).encode()).hexdigest()
    name = " + ".join(model.name for model in models.values())
    shapes = {role: {"weights sha256": m.weights_sha256, **m.architecture} for role, m in models.items()}
    return ModelIdentity(name, None, digest, shapes)


def part_provenance(base: Provenance, part: FramePart) -> Provenance:
    """What one part was made from."""
    return replace(base, settings={**base.settings, "part": part.number, "rows sha256": part.rows_sha256})


def refuse_parts(leftovers: Iterable[Path]) -> None:
    """Refuse to leave parts that are none of this run's beside its own, where they would be read as such."""
    for path in leftovers:
        raise StoreError(
            f"{path} is no part of this run and would be read as one; remove it, or add --overwrite to make all anew"
        )


def begin_anew(parts: Iterable[Path], outdir: Path, file: str) -> None:
    """Remove parts with their receipts, and what the failure log says of their input."""
    for path in parts:
        try:
            path.unlink()  # first: a receipt without its part is nothing; features without a receipt would be kept
            receipt_path(path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {path}: {error.strerror or error}; check permissions") from error
    replace_failures(outdir, file, [])
