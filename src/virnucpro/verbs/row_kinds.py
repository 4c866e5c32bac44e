"""What windows are represented by, counted: a whole frame, stretches between stops, or their DNA alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from virnucpro.sequences.frames import FRAME_NAMES, Frame
from virnucpro.sequences.windows import Window
from virnucpro.verbs.framing import FramePart

__all__ = ["RowKinds"]


@dataclass(eq=False)
class RowKinds:
    """Windows with rows, by what stands for them."""

    open_frame: int = 0  # windows of which a row is a frame without a stop, from end to end
    dna_only: int = 0  # windows without a stretch that is long enough: their rows have no protein
    stretches: Counter[int] = field(default_factory=Counter)  # all others, by the residues of their longest stretch

    def add(self, part: FramePart) -> None:
        """Count the windows of a part."""
        longest: dict[int, int] = {}
        is_open: set[int] = set()
        for frame in part.frames:
            row = frame.window_row
            longest[row] = max(longest.get(row, 0), len(frame.protein))
            if _is_open(frame, part.windows[row]):
                is_open.add(row)
        self.open_frame += len(is_open)
        for row in longest.keys() - is_open:
            if longest[row]:
                self.stretches[longest[row]] += 1
            else:
                self.dna_only += 1

    def to_dict(self) -> dict[str, Any]:
        """Say how many, and how short."""
        windows = self.stretches.total()
        lengths = sorted(self.stretches)
        up_to = dict(zip(lengths, accumulate(self.stretches[residues] for residues in lengths), strict=True))
        shortest = min(up_to, default=None)
        median = next((residues for residues, number in up_to.items() if 2 * number >= windows), None)
        return {
            "open_frame": self.open_frame,
            "stretches": windows,
            "dna_only": self.dna_only,
            "stretch_residues": {"shortest": shortest, "median": median},
        }

    def __str__(self) -> str:
        told = self.to_dict()
        short = "{median} residues in the median, {shortest} in the shortest".format_map(told["stretch_residues"])
        how_short = f" ({short})" if told["stretches"] else ""
        return (
            f"{self.open_frame:,} with an open frame, {told['stretches']:,} by stretches between stops{how_short}, "
            f"{self.dna_only:,} by DNA alone"
        )


def _is_open(frame: Frame, window: Window) -> bool:
    offset = FRAME_NAMES.index(frame.id[-2:]) % 3
    return len(frame.protein) > 0 and len(frame.protein) == (window.end - window.start - offset) // 3
