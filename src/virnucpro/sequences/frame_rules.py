"""The two rules by which windows become rows, under the names that a classifier's header has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from virnucpro.sequences.frames import FrameTable, open_frames
from virnucpro.sequences.numbered_windows import NumberedWindows
from virnucpro.sequences.stretches import longest_stretches

__all__ = ["FINDER_OF_RULE", "FrameRule"]

FrameRule = Literal["open", "longest"]
"""``open``: VirNucPro's, every frame without a stop; ``longest``: the longest stop-free stretches of every window."""

FINDER_OF_RULE: Final[Mapping[str, Callable[[NumberedWindows], FrameTable]]] = {
    "open": open_frames,
    "longest": longest_stretches,
}
