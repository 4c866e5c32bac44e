"""The longest stop-free stretches of every window: rows for windows that no frame crosses without a stop, too.

VirNucPro's rule, a frame is used where no stop lies in it, leaves half of all reads without a row. Here each of the six
frames offers its longest stretch between stops, and the longest one or two of these are the rows of the window. With
each goes the whole window, read on the strand of the stretch. A window without a stretch worth translating has one row
all the same, without a protein.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from virnucpro.records import Record
from virnucpro.sequences.frames import FrameTable, TranslatedWindows, translate_windows
from virnucpro.sequences.genetic_codes import STOP
from virnucpro.sequences.windows import Outcome, WindowTable

__all__ = ["MIN_STRETCH_CODONS", "find_stretches"]

MIN_STRETCH_CODONS = 10
"""Shorter stretches are not used: nearly every window has some, and they say little."""

SECOND_SHARE = 2
"""The second stretch is used where it is at least one half of the first."""


def find_stretches(records: Sequence[Record], window_bp: int, genetic_code: int = 1) -> FrameTable:
    """Cut records into windows and find the longest stop-free stretches of each window.

    Parameters
    ----------
    records : sequence of Record
        Nucleotide sequences, as written. Memory: about 30 bytes per base of all of them together.
    window_bp : int
        Bases of a window.
    genetic_code : int, default: 1
        NCBI's number, 1 to 33.

    Returns
    -------
    FrameTable
        One or two rows for every window of which at least half is A, C, G or T: the frames with the longest stretches,
        in the order of `FRAME_NAMES`. Nucleotides are the whole window on the strand of the frame; the protein is the
        stretch, or empty.

    Raises
    ------
    ConfigError
        If a window has no bases, or NCBI has no such genetic code.

    Examples
    --------
    >>> table = find_stretches([Record(1, "read", "ATG" + "AAA" * 12 + "TAA" + "C" * 6)], window_bp=500)
    >>> [(frame.id, len(frame.nucleotides), frame.protein) for frame in table]
    [('read_chunk_1F3', 48, 'EKKKKKKKKKKKITP'), ('read_chunk_1R1', 48, 'GGLFFFFFFFFFFFFH')]
    """
    found = translate_windows(records, window_bp, genetic_code)
    starts, residues = _longest_stretches(found)
    residues = np.where(residues < MIN_STRETCH_CODONS, 0, residues)
    outcomes = np.where(2 * found.ambiguous > found.lengths, Outcome.AMBIGUOUS, Outcome.FRAMES).astype(np.uint8)
    kept = np.nonzero(_chosen(residues) & (outcomes == Outcome.FRAMES)[:, None])
    window_rows, frame_indices = kept
    return FrameTable(
        WindowTable(tuple(records), found.plan, outcomes),
        found.strands,
        window_rows,
        frame_indices,
        found.nucleotide_starts[kept] - frame_indices % 3,
        found.lengths[window_rows],
        starts[kept],
        residues[kept],
    )


def _longest_stretches(found: TranslatedWindows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Slice of the longest stretch of every frame, the first of equals; two arrays of shape (windows, 6)."""
    stops = np.flatnonzero(np.frombuffer(found.strands.proteins, np.uint8) == ord(STOP))
    frame_starts = found.protein_starts.ravel()
    frame_ends = frame_starts + found.residues.ravel()
    first_stops = np.searchsorted(stops, frame_starts)
    pieces = np.searchsorted(stops, frame_ends) - first_stops + 1
    firsts = np.cumsum(pieces) - pieces
    number = np.arange(pieces.sum()) - np.repeat(firsts, pieces)
    stop_of_piece = np.repeat(first_stops, pieces) + number
    padded = np.append(stops, len(found.strands.proteins))
    starts = np.where(number == 0, np.repeat(frame_starts, pieces), padded[stop_of_piece - 1] + 1)
    ends = np.where(number == np.repeat(pieces, pieces) - 1, np.repeat(frame_ends, pieces), padded[stop_of_piece])
    longest = np.maximum.reduceat(ends - starts, firsts) if len(firsts) else firsts
    is_longest = ends - starts == np.repeat(longest, pieces)
    of_frame = np.repeat(np.arange(len(pieces)), pieces)[is_longest]
    _, first_of_frame = np.unique(of_frame, return_index=True)
    shape = found.residues.shape
    return starts[is_longest][first_of_frame].reshape(shape), longest.reshape(shape)


def _chosen(residues: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames are rows: of every window the longest, and the second if it is long enough."""
    order = np.argsort(-residues, axis=1, kind="stable")[:, :2]
    lengths = np.take_along_axis(residues, order, axis=1)
    used = np.ones_like(order, dtype=np.bool_)
    used[:, 1] = (lengths[:, 1] > 0) & (SECOND_SHARE * lengths[:, 1] >= lengths[:, 0])
    chosen = np.zeros_like(residues, dtype=np.bool_)
    np.put_along_axis(chosen, order, used, axis=1)
    return chosen
