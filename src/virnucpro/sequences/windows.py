"""Windows: records cut into overlapping segments of one length, as columns.

A record of n bases is covered by as few windows of w bases as can cover it, k = ceil(n / w); layouts differ in how the
windows overlap. ``original`` is VirNucPro's: of the surplus R = k w - n, with lo = floor(R / k), the first
R - lo (k - 1) steps are w - lo - 1 bases and the others w - lo; the last window is clipped where the record ends.
``even`` reads the same from both ends: the windows of the reverse complement are the mirror images of these.

References
----------
``split_fasta_chunk`` in ``units.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virnucpro.errors import ConfigError
from virnucpro.sequences.codons import number_codons
from virnucpro.sequences.nucleotides import AMBIGUOUS
from virnucpro.sequences.ragged import Ragged

__all__ = ["Layout", "WindowStatus", "WindowTable", "Windows", "count_windows", "cut_windows", "plan_windows"]

Layout = Literal["original", "even"]

READABLE_RUN: Final = 9
"""Length of a run of letters that can be read, three codons; in windows below 36 bp a quarter of the window."""
MANY_AMBIGUOUS: Final = 16
"""With fewer than one ambiguous letter in so many, a quarter of a window always stands in readable runs."""


class WindowStatus(IntEnum):
    """Status of a window; a window that is too short is never ambiguous."""

    SCORED = 0  # it has at least one row
    NO_OPEN_FRAME = 1  # rule "open": every frame has a stop codon
    TOO_SHORT = 2
    AMBIGUOUS = 3  # hardly anything of it can be read, see `WindowTable.is_unreadable`

    @property
    def word(self) -> str:
        """Name in tables and logs."""
        return self.name.lower()


@dataclass(frozen=True, eq=False)
class Windows:
    """Positions of windows, record by record."""

    record_rows: NDArray[np.int64]  # (k,) which of the planned records, from 0
    numbers: NDArray[np.int64]  # (k,) which of the record's windows, from 1
    starts: NDArray[np.int64]  # (k,) bases of the record, 0-based, half-open
    ends: NDArray[np.int64]  # (k,)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: slice) -> Windows:
        return Windows(self.record_rows[rows], self.numbers[rows], self.starts[rows], self.ends[rows])


@dataclass(frozen=True, eq=False)
class WindowTable:
    """Windows, and the sequence that they are slices of."""

    codes: NDArray[np.uint8]  # nucleotides, as `clean_sequences` codes them
    starts: NDArray[np.int64]  # (k,) first base of each window in `codes`
    lengths: NDArray[np.int64]  # (k,) bases of each window

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def codons(self) -> NDArray[np.uint8]:
        """Number of the codon that begins at each base."""
        return number_codons(self.codes)

    @cached_property
    def ambiguous(self) -> NDArray[np.int64]:
        """Letters of each window that are not A, C, G or T."""
        if self.codes.max(initial=0) < AMBIGUOUS:
            return np.zeros(len(self), np.int64)
        places = np.flatnonzero(self.codes >= AMBIGUOUS)
        return np.searchsorted(places, self.starts + self.lengths) - np.searchsorted(places, self.starts)

    @cached_property
    def is_unreadable(self) -> NDArray[np.bool_]:
        """Whether over half of a window's letters are ambiguous, or under a quarter stand in runs that can be read.

        A gap hides no more than its own letters. Scattered ambiguous letters also hide the codons and motifs around
        them.
        """
        unreadable: NDArray[np.bool_] = 2 * self.ambiguous > self.lengths
        for window in np.flatnonzero(~unreadable & (MANY_AMBIGUOUS * self.ambiguous > self.lengths)).tolist():
            start, length = int(self.starts[window]), int(self.lengths[window])
            is_ambiguous = self.codes[start : start + length] >= AMBIGUOUS
            runs = np.diff(np.flatnonzero(np.concatenate(([True], is_ambiguous, [True])))) - 1
            unreadable[window] = 4 * runs[runs >= min(READABLE_RUN, length // 4)].sum() < length
        return unreadable


def count_windows(lengths_bp: ArrayLike, window_bp: int) -> NDArray[np.int64]:
    """Number of windows of each record, in either layout."""
    lengths = np.asarray(lengths_bp, dtype=np.int64)
    if window_bp < 1:
        raise ConfigError(f"a window needs at least 1 base, not {window_bp}")
    if lengths.size and lengths.min() < 0:
        raise ConfigError(f"a sequence cannot have {lengths.min()} bases")
    return -(-lengths // window_bp)


def plan_windows(lengths_bp: ArrayLike, window_bp: int, layout: Layout = "original") -> Windows:
    """Cut records into windows, each by itself.

    Examples
    --------
    >>> windows = plan_windows([1001], 500)
    >>> windows.starts.tolist(), windows.ends.tolist()
    ([0, 333, 666], [500, 833, 1001])
    >>> windows = plan_windows([1002], 500, "even")
    >>> windows.starts.tolist(), windows.ends.tolist()
    ([0, 251, 502], [500, 751, 1002])
    """
    counts = count_windows(lengths_bp, window_bp)
    record_rows = np.repeat(np.arange(len(counts)), counts)
    before = np.arange(len(record_rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    count, length = counts[record_rows], np.asarray(lengths_bp, dtype=np.int64)[record_rows]
    if layout == "original":
        low, surplus = np.divmod(count * window_bp - length, count)
        starts = before * (window_bp - low) - np.minimum(before, surplus + low)
        ends = starts + window_bp
    else:
        behind, slack = count - 1 - before, length - window_bp
        nearer_end = -(-np.minimum(before, behind) * slack // np.maximum(count - 1, 1))
        # a middle window that cannot be centred has one more base
        starts = np.where(before < behind, nearer_end, slack - nearer_end)
        ends = np.where(before > behind, length - nearer_end, nearer_end + window_bp)
    return Windows(record_rows, before + 1, np.maximum(starts, 0), np.minimum(ends, length))


def cut_windows(sequences: Ragged, windows: Windows) -> WindowTable:
    """Make a table of windows and their bases, without copying."""
    first_bases = sequences.offsets[windows.record_rows]
    starts, ends = first_bases + windows.starts, first_bases + windows.ends
    begin, stop = starts.min(initial=len(sequences.values)), ends.max(initial=0)
    return WindowTable(sequences.values[begin:stop], starts - begin, ends - starts)
