"""Mates that were read in turn, joined: the windows of both become those of one pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from virnucpro.records import Record
from virnucpro.scoring.windows import ScoredWindows
from virnucpro.verbs.window_rows import letters

__all__ = ["joined_pairs"]

Block = tuple[list[Record], ScoredWindows]


def joined_pairs(blocks: Iterable[Block]) -> Iterator[tuple[list[Record], list[Record], ScoredWindows]]:
    """Give first mates, second mates and the windows of the pairs; positions run through the first into the second."""
    waiting: Block | None = None
    for block in blocks:
        records, scored = block
        if waiting is not None:
            records, scored = waiting[0] + records, ScoredWindows.join(waiting[1], scored.moved(1))
        even = len(records) // 2 * 2
        waiting = (records[even:], scored.records(even, even + 1)) if even < len(records) else None
        if even:
            yield records[:even:2], records[1:even:2], _joined(records[:even:2], scored.records(0, even))


def _joined(firsts: list[Record], scored: ScoredWindows) -> ScoredWindows:
    """Put the windows of second mates behind those of the first."""
    windows = scored.windows
    pairs, is_second = np.divmod(windows.record_rows, 2)
    lengths_bp = np.array([letters(record) for record in firsts], np.int64)
    numbers = np.bincount(pairs[is_second == 0], minlength=len(firsts))
    behind_bp, behind = is_second * lengths_bp[pairs], is_second * numbers[pairs]
    moved = replace(
        windows, record_rows=pairs, numbers=windows.numbers + behind, starts=windows.starts + behind_bp,
        ends=windows.ends + behind_bp,
    )  # fmt: skip
    return replace(scored, windows=moved)
