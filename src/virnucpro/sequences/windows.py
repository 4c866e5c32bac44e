"""VirNucPro's windows: a sequence cut into overlapping pieces of one length.

A sequence of n bases is covered by as few windows of w bases as can cover it, k = ceil(n / w). Their surplus
R = k w - n is spread over the steps between them: with lo = floor(R / k), the first R - lo (k - 1) steps are
w - lo - 1 bases and the others w - lo. The last window is clipped where the sequence ends.

References
----------
``split_fasta_chunk`` in ``units.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.records import Record

__all__ = ["Outcome", "Window", "WindowPlan", "WindowTable", "plan_windows", "plan_windows_of_many"]


class Outcome(IntEnum):
    """What became of a window: the first that fits of too_short, ambiguous, frames, no_open_frame."""

    FRAMES = 0
    """One row or more: at least one frame has no stop codon; by the rule of stretches, a stop does not exclude one."""
    NO_OPEN_FRAME = 1
    """Every frame has a stop codon."""
    TOO_SHORT = 2
    """No frame has two codons: the window is under six bases; or it is under thirty, by the rule of stretches."""
    AMBIGUOUS = 3
    """More than half of its letters are not A, C, G or T."""

    @property
    def word(self) -> str:
        """The name that tables and logs use."""
        return self.name.lower()


@dataclass(frozen=True, eq=False)
class WindowPlan:
    """Where windows lie, one row each, sequence by sequence."""

    record_rows: NDArray[np.int64]  # (k,) Which of the planned sequences, from 0
    numbers: NDArray[np.int64]  # (k,) Which of the sequence's windows, from 1
    starts: NDArray[np.int64]  # (k,) Bases of the sequence, 0-based, half-open
    ends: NDArray[np.int64]  # (k,) Bases of the sequence, 0-based, half-open

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: slice) -> WindowPlan:
        return WindowPlan(self.record_rows[rows], self.numbers[rows], self.starts[rows], self.ends[rows])


@dataclass(frozen=True, slots=True)
class Window:
    """One window and what became of it."""

    record_number: int  # number of its record in the file, from 1
    id: str  # ``{record id}_chunk_{number}``; shared by windows of records that share an id
    number: int  # which of the record's windows, from 1
    start: int  # bases of the record without whitespace, 0-based, half-open
    end: int  # bases of the record without whitespace, 0-based, half-open
    outcome: Outcome  # what became of it


@dataclass(frozen=True, eq=False)
class WindowTable:
    """Windows of some records, row by row, each with its outcome."""

    records: tuple[Record, ...]  # the records, also those without a base and so without a window
    plan: WindowPlan  # where the windows lie; ``plan.record_rows`` points into `records`
    outcomes: NDArray[np.uint8]  # (k,) Values of `Outcome`

    def __len__(self) -> int:
        return len(self.plan)

    def __iter__(self) -> Iterator[Window]:
        prefixes = [f"{record.id}_chunk_" for record in self.records]
        plan = self.plan
        columns = (plan.record_rows, plan.numbers, plan.starts, plan.ends, self.outcomes)
        for record_row, number, start, end, outcome in zip(*(c.tolist() for c in columns), strict=True):
            id_ = f"{prefixes[record_row]}{number}"
            yield Window(self.records[record_row].number, id_, number, start, end, Outcome(outcome))

    def counts(self) -> dict[str, int]:
        """Windows by outcome."""
        numbers = np.bincount(self.outcomes, minlength=len(Outcome))
        return {outcome.word: int(numbers[outcome]) for outcome in Outcome}


def plan_windows(length_bp: int, window_bp: int) -> NDArray[np.int64]:
    """Cut one sequence into windows.

    Examples
    --------
    >>> plan_windows(1001, 500).tolist()
    [[0, 500], [333, 833], [666, 1001]]
    """
    plan = plan_windows_of_many([length_bp], window_bp)
    return np.stack((plan.starts, plan.ends), axis=1)


def plan_windows_of_many(lengths_bp: Sequence[int], window_bp: int) -> WindowPlan:
    """Cut many sequences into windows, each by itself."""
    lengths = np.asarray(lengths_bp, dtype=np.int64)
    if window_bp < 1:
        raise ConfigError(f"a window needs at least 1 base, not {window_bp}")
    if lengths.size and lengths.min() < 0:
        raise ConfigError(f"a sequence cannot have {lengths.min()} bases")
    counts = -(-lengths // window_bp)
    surplus = counts * window_bp - lengths
    low = surplus // np.maximum(counts, 1)
    longer = surplus - low * (counts - 1)

    record_rows = np.repeat(np.arange(len(lengths)), counts)
    before = np.arange(len(record_rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = before * (window_bp - low[record_rows]) - np.minimum(before, longer[record_rows])
    ends = np.minimum(starts + window_bp, lengths[record_rows])
    return WindowPlan(record_rows, before + 1, starts, ends)
