"""Progress of a run, counted in bases or residues."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Progress", "ProgressCallback"]


@dataclass(slots=True)
class Progress:
    """Letters done out of all letters; `rate` and `seconds_left` leave out parts that were saved before."""

    unit: str = "b"  # b for bases, aa for residues
    total: int = 0
    done: int = 0
    skipped: int = 0  # done in an earlier run
    started: float = field(default_factory=time.monotonic)

    def skip(self, letters: int) -> None:
        """Count letters of parts that were saved earlier."""
        self.done += letters
        self.skipped += letters

    @property
    def share(self) -> float:
        """Share that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0

    @property
    def rate(self) -> float:
        """Letters per second."""
        return (self.done - self.skipped) / max(time.monotonic() - self.started, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Estimated time left; None until something was computed."""
        return (self.total - self.done) / self.rate if self.done > self.skipped else None

    def __str__(self) -> str:
        scale, prefix = next(
            (s, p) for s, p in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")) if self.total >= s or s == 1
        )
        left = "?" if self.seconds_left is None else _clock(self.seconds_left)
        amounts = f"{self.done / scale:.1f} of {self.total / scale:.1f} {prefix}{self.unit}"
        return f"{self.share:.0%} | {amounts} | {_rate(self.rate, self.unit)} | ETA {left}".replace("%", " %")


ProgressCallback = Callable[[Progress], None]


def _rate(rate: float, unit: str) -> str:
    for scale, prefix in ((1e6, "M"), (1e3, "k")):
        if rate >= scale:
            return f"{rate / scale:.3g} {prefix}{unit}/s"
    return f"{rate:.3g} {unit}/s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
