"""The two rules by which windows become rows, under the names that a classifier's header has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from virnucpro.records import Record
from virnucpro.sequences.frames import FrameTable, find_frames
from virnucpro.sequences.stretches import find_stretches

__all__ = ["FINDER_OF_RULE", "FrameRule"]

FrameRule = Literal["open", "longest"]
"""``open``: VirNucPro's, every frame without a stop; ``longest``: the longest stop-free stretches of every window."""

FINDER_OF_RULE: Final[Mapping[str, Callable[[Sequence[Record], int, int], FrameTable]]] = {
    "open": find_frames,
    "longest": find_stretches,
}
