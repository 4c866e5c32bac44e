"""Windows as slices of one text: all sequences of a chunk end to end, and their codons numbered together."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from virnucpro.records import Record
from virnucpro.sequences.codons import Codons, number_codons
from virnucpro.sequences.genetic_codes import translation_table
from virnucpro.sequences.nucleotides import clean_nucleotides
from virnucpro.sequences.windows import WindowPlan, plan_windows_of_many

__all__ = ["NumberedWindows", "number_by_chunks", "number_windows"]

_IS_AMBIGUOUS = bytes(code not in b"ACGT" for code in range(256))


@dataclass(frozen=True, eq=False)
class NumberedWindows:
    """Windows of some records and their codons, before any frame is chosen."""

    records: tuple[Record, ...]  # the records
    plan: WindowPlan  # where the windows lie in them
    codons: Codons  # of the windows' text
    # (windows,) First base of each window in ``codons.nucleotides``, its bases, and how many of them are not A, C, G
    # or T
    starts: NDArray[np.int64]
    # (windows,) First base of each window in ``codons.nucleotides``, its bases, and how many of them are not A, C, G
    # or T
    lengths: NDArray[np.int64]
    # (windows,) First base of each window in ``codons.nucleotides``, its bases, and how many of them are not A, C, G
    # or T
    ambiguous: NDArray[np.int64]


def number_windows(records: Sequence[Record], window_bp: int, genetic_code: int = 1) -> NumberedWindows:
    """Cut records into windows and number their codons, all together."""
    (found,) = _numbered(records, window_bp, translation_table(genetic_code), sys.maxsize)
    return found


def number_by_chunks(
    records: Iterable[Record], window_bp: int, genetic_code: int, chunk_bases: int
) -> Iterator[NumberedWindows]:
    """Cut records into windows and number their codons, a chunk of bases at a time."""
    to_amino_acid = translation_table(genetic_code)
    waiting: list[Record] = []
    bases = 0
    for record in records:
        if waiting and bases + len(record.sequence) > chunk_bases:
            yield from _numbered(waiting, window_bp, to_amino_acid, chunk_bases)
            waiting, bases = [], 0
        waiting.append(record)
        bases += len(record.sequence)
    if waiting:
        yield from _numbered(waiting, window_bp, to_amino_acid, chunk_bases)


def _numbered(
    records: Sequence[Record], window_bp: int, to_amino_acid: bytes, chunk_bases: int
) -> Iterator[NumberedWindows]:
    """Number all windows; by chunks, if their text is longer than one."""
    sequences = [clean_nucleotides(record.sequence) for record in records]
    plan = plan_windows_of_many([len(sequence) for sequence in sequences], window_bp)
    starts = np.cumsum([0, *map(len, sequences)])[plan.record_rows] + plan.starts
    lengths = plan.ends - plan.starts
    text = b"".join(sequences)
    del sequences
    borders = [0, *(np.flatnonzero(np.diff(starts // chunk_bases)) + 1).tolist(), len(plan)]
    for rows in (slice(first, last) for first, last in pairwise(borders)):
        begin, end = (int(starts[rows][0]), int((starts[rows] + lengths[rows]).max())) if len(plan) else (0, 0)
        chunk, own_starts = text[begin:end], starts[rows] - begin
        yield NumberedWindows(
            tuple(records),
            plan[rows],
            number_codons(chunk, to_amino_acid),
            own_starts,
            lengths[rows],
            _count_ambiguous(chunk, own_starts, lengths[rows]),
        )


def _count_ambiguous(text: bytes, starts: NDArray[np.int64], window_lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many letters of each window are not A, C, G or T."""
    if not text.translate(None, b"ACGT"):
        return np.zeros_like(starts)
    ambiguous = np.flatnonzero(np.frombuffer(text.translate(_IS_AMBIGUOUS), np.bool_))
    return np.searchsorted(ambiguous, starts + window_lengths) - np.searchsorted(ambiguous, starts)
