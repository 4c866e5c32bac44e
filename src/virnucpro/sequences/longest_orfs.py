"""The longest ORF of every window, from stop to stop, and the second longest if either may be the gene.

Of the longest ORFs of the six frames, the longest represents the window; the second is added if the longest is short
and not much longer. Among equals, the smaller offset wins, then the strand that comes first in alphabetical order, so
a window and its reverse complement have the same ORFs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.codons import FORWARD_STOPS, REVERSE_STOPS, find_stops
from virnucpro.sequences.nucleotides import COMPLEMENTS, LETTERS
from virnucpro.sequences.windows import WindowTable

__all__ = ["MIN_ORF_CODONS", "ONE_ROW_CODONS", "choose_orfs", "longest_orfs"]

MIN_ORF_CODONS = 10
"""Shorter ORFs are not used: nearly every window has some, and they carry little information."""

ONE_ROW_CODONS = 64
"""An ORF of this length is the only row. Of 0, 32, 48, 64, 96 and no limit, 64 and 96 rank windows best on
families that `mini` was not trained on; without a limit, half of the time is spent on uninformative rows."""

MAX_RATIO = 2
"""The second ORF is used unless the first is more than this many times as long."""

Columns = tuple[NDArray[np.int64], NDArray[np.int64]]


def longest_orfs(table: WindowTable, translation_table: int) -> Columns:
    """First base and number of codons of the longest ORF of every frame, 0 if too short; each of shape (6, windows)."""
    # sorted by phase (position modulo 3), so that every frame is one slice
    per_phase = -(-len(table.codons) // 3)
    stops = np.zeros(3 * per_phase, np.uint8)
    stops[: len(table.codons)] = find_stops(table.codons, translation_table)
    stops = stops.reshape(-1, 3).T.ravel()
    starts, ends, phases = table.starts, table.starts + table.lengths, np.arange(3)[:, None]
    firsts, residues = np.empty((2, 6, len(table)), np.int64)
    for strand, of_strand in enumerate((FORWARD_STOPS, REVERSE_STOPS)):
        offsets = (ends - phases if strand else phases - starts) % 3
        codons = np.maximum(table.lengths - offsets, 0) // 3
        bases = ends - offsets - 3 * codons if strand else starts + offsets
        shift = phases * per_phase
        places = np.flatnonzero(stops & np.uint8(of_strand))
        begins, lengths = _longest_run(places, (bases // 3 + shift).ravel(), codons.ravel(), backwards=bool(strand))
        frames = 3 * strand + offsets, np.arange(len(table))
        firsts[frames] = 3 * (begins.reshape(offsets.shape) - shift) + phases
        residues[frames] = lengths.reshape(offsets.shape)
    residues[residues < MIN_ORF_CODONS] = 0
    return firsts, residues


def choose_orfs(table: WindowTable, residues: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames are rows, of shape (6, windows)."""
    forward_first = _is_canonical(table)
    strand_rank = np.stack((forward_first, ~forward_first))[:, None]
    rank = 6 * residues + (2 * (2 - np.arange(3)[:, None]) + strand_rank).reshape(residues.shape)
    first = rank.max(axis=0)
    chosen: NDArray[np.bool_] = rank == first
    second = np.where(chosen, -1, rank).max(axis=0)
    longest, next_longest = first // 6, second // 6
    unsure = (next_longest > 0) & (longest < ONE_ROW_CODONS) & (longest <= MAX_RATIO * next_longest)
    chosen |= unsure & (rank == second)
    return chosen


def _longest_run(
    stops: NDArray[np.int64], firsts: NDArray[np.int64], codons: NDArray[np.int64], backwards: bool
) -> Columns:
    """First codon and length of the longest run without a stop in each slice; the first among equals."""
    ends = firsts + codons
    before, after = np.searchsorted(stops, firsts), np.searchsorted(stops, ends)
    has_stop = after > before
    padded = np.append(stops, (0, 0))
    # runs between two stops of a slice: one number sorts them by length, then by position
    place = np.arange(len(stops) + 1)
    rank = (np.diff(padded) - 1 << 32) + (place if backwards else len(stops) - place)
    bounds = np.stack((before, np.maximum(after - 1, before)), axis=1).ravel()
    best = np.maximum.reduceat(rank, bounds)[::2]
    inner, place = best >> 32, best & 0xFFFFFFFF
    inner[after - before < 2] = -1
    place = place if backwards else len(stops) - place
    # runs before the first stop and after the last stop of a slice
    tails = np.where(has_stop, padded[after - 1] + 1, firsts)
    heads = np.where(has_stop, padded[before], ends)
    begins = np.stack((firsts, padded[place] + 1, tails))
    lengths = np.stack((heads - firsts, inner, ends - tails))
    if backwards:
        begins, lengths = begins[::-1], lengths[::-1]
    choice = np.argmax(lengths, axis=0)
    return begins[choice, np.arange(len(firsts))], lengths[choice, np.arange(len(firsts))]


def _is_canonical(table: WindowTable) -> NDArray[np.bool_]:
    """Whether the given strand comes first in alphabetical order, or both are equal."""
    letters, others = (np.frombuffer(text, np.uint8) for text in (LETTERS, COMPLEMENTS))
    is_first = np.ones(len(table), np.bool_)
    windows, left, right = np.arange(len(table)), table.starts, table.starts + table.lengths - 1
    while len(windows):
        own, other = letters[table.codes[left]], others[table.codes[right]]
        is_first[windows] = own <= other
        undecided = (own == other) & (left < right)
        windows, left, right = windows[undecided], left[undecided] + 1, right[undecided] - 1
    return is_first
