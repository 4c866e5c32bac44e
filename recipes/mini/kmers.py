"""25-mers of both strands: what tells that two sequences are related, or the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["K", "canonical_kmers", "distinct", "is_varied", "sampled"]

K = 25

MIN_TRIPLETS = 12
"""Different triplets of a 25-mer that is no simple repeat; a random one has 19 of its 23."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


def canonical_kmers(bases: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Number the 25-mers of a sequence; a 25-mer and its reverse complement have one number.

    Parameters
    ----------
    bases : numpy.ndarray, shape (length,), uint8
        Codes: 0 to 3 for A, C, G, T.

    Returns
    -------
    numpy.ndarray, uint64
        One number for each position that begins 25 letters A, C, G or T; in order, with repeats.
    """
    count = len(bases) - K + 1
    if count < 1:
        return np.empty(0, np.uint64)
    codes = np.asarray(bases)
    known = codes & np.uint8(3)
    forward = _joined(known, count, reverse=False)
    backward = _joined(np.uint8(3) - known, count, reverse=True)
    unknown = np.concatenate(([0], np.cumsum(codes == 4)))
    whole = unknown[K:] == unknown[:count]
    return np.asarray(np.minimum(forward, backward)[whole])


def _joined(codes: NDArray[np.uint8], count: int, *, reverse: bool) -> NDArray[np.uint64]:
    """Numbers of 25 codes by doubling: of 1, 2, 4, 8 and 16 codes, then 16 + 8 + 1."""
    widths: dict[int, NDArray[np.uint64]] = {1: codes.astype(np.uint64)}
    for width in (1, 2, 4, 8):
        here, there = widths[width][:-width], widths[width][width:]
        first, second = (there, here) if reverse else (here, there)
        widths[2 * width] = (first << np.uint64(2 * width)) | second
    parts = [(16, 0), (8, 16), (1, 24)]
    total = np.zeros(count, np.uint64)
    for width, offset in reversed(parts) if reverse else parts:
        total = (total << np.uint64(2 * width)) | widths[width][offset : offset + count]
    return total


def sampled(kmers: NDArray[np.uint64], one_in: int) -> NDArray[np.uint64]:
    """Keep one 25-mer in so many, the same ones in every sequence.

    Parameters
    ----------
    kmers : numpy.ndarray, uint64
        Numbers of 25-mers.
    one_in : int
        How many are one kept of; 1 keeps all.

    Returns
    -------
    numpy.ndarray, uint64
        Those whose hash is small.
    """
    hashes = kmers * _MIX
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    return kmers[hashes <= np.uint64(0xFFFFFFFFFFFFFFFF // one_in)]


def is_varied(kmers: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell 25-mers from simple repeats, which unrelated genomes share.

    Parameters
    ----------
    kmers : numpy.ndarray, uint64
        Numbers of 25-mers.

    Returns
    -------
    numpy.ndarray, bool
        Whether each has enough different triplets.
    """
    seen = np.zeros(len(kmers), np.uint64)
    for place in range(K - 2):
        seen |= np.uint64(1) << ((kmers >> np.uint64(2 * place)) & np.uint64(63))
    return np.bitwise_count(seen) >= MIN_TRIPLETS


def distinct(kmers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sort, and keep each number once; numpy's own `unique` is many times slower on such arrays.

    Parameters
    ----------
    kmers : numpy.ndarray, uint64
        Numbers of 25-mers.

    Returns
    -------
    numpy.ndarray, uint64
        Ascending.
    """
    ordered = np.sort(kmers)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered
