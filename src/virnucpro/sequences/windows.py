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

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virnucpro.errors import ConfigError
from virnucpro.sequences.codons import code_bases, number_codons
from virnucpro.sequences.nucleotides import is_base
from virnucpro.sequences.ragged import Ragged

__all__ = ["Layout", "WindowStatus", "WindowTable", "Windows", "count_windows", "cut_windows", "plan_windows"]

Layout = Literal["original", "even"]


class WindowStatus(IntEnum):
    """What became of a window; what is too short is never called ambiguous."""

    SCORED = 0  # it has a row, or several
    NO_OPEN_FRAME = 1  # rule "open": every frame has a stop codon
    TOO_SHORT = 2
    AMBIGUOUS = 3  # more than half of its letters are not A, C, G or T

    @property
    def word(self) -> str:
        """The word that tables and logs use."""
        return self.name.lower()


@dataclass(frozen=True, eq=False)
class Windows:
    """Where windows lie, record by record."""

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
    """Some windows, and the letters they are cut from."""

    text: bytes  # clean upper-case nucleotides, all that the windows need, end to end
    starts: NDArray[np.int64]  # (k,) first base of each window in `text`
    lengths: NDArray[np.int64]  # (k,) bases of each window

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def codes(self) -> NDArray[np.uint8]:
        """Code of each letter: A C G T = 0 1 2 3, anything else 4; and two 4s behind the text."""
        codes = code_bases(self.text + b"AA")
        codes[self._ambiguous_bases] = codes[-2:] = 4
        return codes

    @cached_property
    def codons(self) -> NDArray[np.uint8]:
        """Number of the codon that begins at each letter."""
        return number_codons(self.codes)

    @cached_property
    def ambiguous(self) -> NDArray[np.int64]:
        """Letters of each window that are not A, C, G or T."""
        first = np.searchsorted(self._ambiguous_bases, self.starts)
        return np.searchsorted(self._ambiguous_bases, self.starts + self.lengths) - first

    @cached_property
    def _ambiguous_bases(self) -> NDArray[np.int64]:
        return np.flatnonzero(~is_base(self.text))


def count_windows(lengths_bp: ArrayLike, window_bp: int) -> NDArray[np.int64]:
    """How many windows each record has, in either layout."""
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
        # a window in the middle that cannot lie there evenly has one base more
        starts = np.where(before < behind, nearer_end, slack - nearer_end)
        ends = np.where(before > behind, length - nearer_end, nearer_end + window_bp)
    return Windows(record_rows, before + 1, np.maximum(starts, 0), np.minimum(ends, length))


def cut_windows(sequences: Sequence[bytes] | Ragged, windows: Windows) -> WindowTable:
    """Copy the letters of windows, each once: of a few windows of a long record only theirs.

    Many short records are best given as the `Ragged` letters that `clean_sequences` makes.
    """
    records, starts, ends = windows.record_rows, windows.starts, windows.ends
    sources: Sequence[bytes | NDArray[np.uint8]]
    if isinstance(sequences, Ragged):  # which is one long sequence
        sources, first_bases = [sequences.values], sequences.offsets[records]
        records, starts, ends = np.zeros_like(records), starts + first_bases, ends + first_bases
    else:
        sources = sequences
    # segments of records that windows cover without a gap
    is_first = np.ones(len(windows), np.bool_)
    is_first[1:] = (records[1:] != records[:-1]) | (starts[1:] > ends[:-1]) | (starts[1:] < starts[:-1])
    firsts = np.flatnonzero(is_first)
    begins, stops = starts[firsts], np.maximum.reduceat(ends, firsts) if len(firsts) else firsts
    bounds = zip(records[firsts].tolist(), begins.tolist(), stops.tolist(), strict=True)
    text = b"".join([sources[record][begin:stop] for record, begin, stop in bounds])
    shifts = np.cumsum(stops - begins) - stops  # from bases of a record to bases of the text
    return WindowTable(text, starts + shifts[np.cumsum(is_first) - 1], ends - starts)
