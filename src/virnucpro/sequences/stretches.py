"""The longest stop-free stretches of every window: rows for windows that no frame crosses without a stop, too.

VirNucPro's rule, a frame is used where no stop lies in it, leaves half of all reads without a row. Here each of the six
frames offers its longest stretch between stops, and the longest of these is the row of the window; where it is short,
and not much longer than the second, either may be the gene's, and both are rows. With each goes the window, read on the
strand of the stretch and from the first codon of its frame on: what reads three letters at a time reads the codons of
the stretch. A window without a stretch worth translating has one row all the same, without a protein.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from virnucpro.records import Record
from virnucpro.sequences.frames import FRAME_NAMES, FrameTable
from virnucpro.sequences.numbered_windows import NumberedWindows, number_windows
from virnucpro.sequences.windows import Outcome, WindowTable

__all__ = ["MIN_STRETCH_CODONS", "ONE_ROW_CODONS", "find_stretches", "longest_stretches"]

MIN_STRETCH_CODONS = 10
"""Shorter stretches are not used: nearly every window has some, and they say little."""

MIN_WINDOW_BP = 3 * MIN_STRETCH_CODONS
"""A window with fewer bases is too short to say anything of."""

ONE_ROW_CODONS = 64
"""A stretch so long is the window's only row. Of 0, 32, 48, 64, 96 and no bound, this one and 96 rank windows best, on
families that `mini` was not trained on; without a bound, half of the time goes into rows that tell nothing."""

MAX_RATIO = 2
"""Beside a shorter one, the second is used unless the first is more than so many times as long."""


def find_stretches(records: Sequence[Record], window_bp: int, genetic_code: int = 1) -> FrameTable:
    """Cut records into windows and find the longest stop-free stretches of each window.

    Examples
    --------
    >>> table = find_stretches([Record(1, "read", "ATG" + "AAA" * 12 + "TAA" + "C" * 6)], window_bp=500)
    >>> [(frame.id, len(frame.nucleotides), frame.protein) for frame in table]
    [('read_chunk_1F3', 46, 'EKKKKKKKKKKKITP'), ('read_chunk_1R1', 48, 'GGLFFFFFFFFFFFFH')]
    """
    return longest_stretches(number_windows(records, window_bp, genetic_code))


def longest_stretches(found: NumberedWindows) -> FrameTable:
    """Find the longest stop-free stretches of windows."""
    starts, residues = _longest_of_frames(found)
    residues[residues < MIN_STRETCH_CODONS] = 0
    outcomes = np.where(2 * found.ambiguous > found.lengths, Outcome.AMBIGUOUS, Outcome.FRAMES).astype(np.uint8)
    outcomes[found.lengths < MIN_WINDOW_BP] = Outcome.TOO_SHORT
    kept = np.nonzero(_chosen(residues) & (outcomes == Outcome.FRAMES)[:, None])
    window_rows, frame_indices = kept
    offsets = frame_indices % 3
    forward = frame_indices < len(FRAME_NAMES) // 2
    return FrameTable(
        WindowTable(found.records, found.plan, outcomes),
        found.codons,
        window_rows,
        frame_indices,
        found.starts[window_rows] + forward * offsets,
        found.lengths[window_rows] - offsets,
        starts[kept],
        residues[kept],
    )


def _longest_of_frames(found: NumberedWindows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First base and codons of the longest stretch of every frame; two arrays of shape (windows, 6)."""
    window_rows = np.arange(len(found.starts))
    ends = found.starts + found.lengths
    starts, residues = np.zeros((2, len(window_rows), len(FRAME_NAMES)), np.int64)
    for strand in range(2):
        stops = found.codons.stops(bool(strand))
        for phase in range(3):
            offsets = (ends - phase) % 3 if strand else (phase - found.starts) % 3
            codons = np.maximum(found.lengths - offsets, 0) // 3
            firsts = np.where(strand, ends - offsets - 3 * codons, found.starts + offsets) // 3
            stretch, length = _longest_run(np.flatnonzero(stops[phase]), firsts, firsts + codons, bool(strand))
            frames = window_rows, 3 * strand + offsets
            starts[frames], residues[frames] = 3 * stretch + phase, length
    return starts, residues


def _longest_run(
    stops: NDArray[np.int64], firsts: NDArray[np.int64], ends: NDArray[np.int64], last: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First codon and length of the longest run without a stop in each slice; of equals the first, or the last."""
    if not len(firsts):
        return firsts, firsts
    before = np.searchsorted(stops, firsts)
    pieces = np.searchsorted(stops, ends) - before + 1
    borders = np.cumsum(pieces) - pieces
    number = np.arange(pieces.sum()) - np.repeat(borders, pieces)
    behind = np.append(stops, 0)[np.repeat(before, pieces) + number]
    ahead = np.append(0, stops)[np.repeat(before, pieces) + number] + 1
    run_starts = np.where(number == 0, np.repeat(firsts, pieces), ahead)
    run_ends = np.where(number == np.repeat(pieces, pieces) - 1, np.repeat(ends, pieces), behind)
    lengths = run_ends - run_starts
    # one number that orders runs by length, then by place
    rank = lengths * (pieces.max() + 1) + (number if last else -number)
    best = np.maximum.reduceat(rank, borders)
    chosen = np.flatnonzero(rank == np.repeat(best, pieces))
    return run_starts[chosen], lengths[chosen]


def _chosen(residues: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames are rows: of every window the longest, and the second if it might as well be the right one."""
    order = np.argsort(-residues, axis=1, kind="stable")[:, :2]
    lengths = np.take_along_axis(residues, order, axis=1)
    used = np.ones_like(order, dtype=np.bool_)
    unsure = (lengths[:, 0] < ONE_ROW_CODONS) & (lengths[:, 0] <= MAX_RATIO * lengths[:, 1])
    used[:, 1] = (lengths[:, 1] > 0) & unsure
    chosen = np.zeros_like(residues, dtype=np.bool_)
    np.put_along_axis(chosen, order, used, axis=1)
    return chosen
