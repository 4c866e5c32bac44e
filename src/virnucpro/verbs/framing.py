"""Records in, parts of frames out: what features and prediction are made from, one part at a time.

A part holds whole windows and at most so many frames; it is the unit that is embedded, written and resumed. Where parts
end depends on the records before only, so the same input always gives the same parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from virnucpro.records import Record
from virnucpro.sequences.frame_rules import FINDER_OF_RULE, FrameRule
from virnucpro.sequences.frames import Frame, FrameTable
from virnucpro.sequences.numbered_windows import number_by_chunks
from virnucpro.sequences.windows import Window

__all__ = ["PART_ROWS", "FramePart", "frame_parts"]

PART_ROWS = 10_000
"""Rows of one part at most, as VirNucPro splits its files."""

CHUNK_BASES = 2_000_000
"""Bases that are translated together; about 8 bytes of memory for each."""


@dataclass(frozen=True, eq=False)
class FramePart:
    """Some windows with all of their frames."""

    number: int  # which part of its input, from 1
    windows: tuple[Window, ...]  # in file order
    frames: tuple[Frame, ...]  # in file order; `window_row` points into `windows`
    rule: FrameRule = "open"  # how frames were chosen

    @property
    def bases(self) -> int:
        """Bases that this part is the first to cover; windows overlap."""
        covered, record, end = 0, 0, 0
        for window in self.windows:
            end = end if window.record_number == record else window.start
            covered += window.end - end
            record, end = window.record_number, window.end
        return covered

    @cached_property
    def rows_sha256(self) -> str:
        """Digest of which windows and frames these are; letters aside, which follow from input and settings."""
        windows = [f"{window.record_number} {window.number} {window.start} {window.end}" for window in self.windows]
        frames = [f"{frame.window_row} {frame.id} {len(frame.protein)}" for frame in self.frames]
        return hashlib.sha256("\n".join([*windows, *frames]).encode()).hexdigest()


def frame_parts(
    records: Iterable[Record],
    window_bp: int,
    genetic_code: int = 1,
    max_rows: int = PART_ROWS,
    *,
    rule: FrameRule = "open",
) -> Iterator[FramePart]:
    """Cut, translate and part the records of one input."""
    number = 1
    windows: list[Window] = []
    frames: list[Frame] = []
    for window, own in _windows_with_frames(records, window_bp, genetic_code, rule):
        if len(frames) + len(own) > max_rows:
            yield FramePart(number, tuple(windows), tuple(frames), rule)
            number, windows, frames = number + 1, [], []
        frames += [replace(frame, window_row=len(windows)) for frame in own]
        windows.append(window)
    if windows:
        yield FramePart(number, tuple(windows), tuple(frames), rule)


def _windows_with_frames(
    records: Iterable[Record], window_bp: int, genetic_code: int, rule: FrameRule
) -> Iterator[tuple[Window, list[Frame]]]:
    for found in number_by_chunks(records, window_bp, genetic_code, CHUNK_BASES):
        yield from _frames_by_window(FINDER_OF_RULE[rule](found))
        del found  # or it would be held while the next chunk is read


def _frames_by_window(table: FrameTable) -> Iterator[tuple[Window, list[Frame]]]:
    frames = iter(table)
    frame = next(frames, None)
    for row, window in enumerate(table.windows):
        own: list[Frame] = []
        while frame is not None and frame.window_row == row:
            own.append(frame)
            frame = next(frames, None)
        yield window, own
