"""Windows as slices of one text, and the codon at every position of it.

All sequences of a chunk are laid end to end. The codon at every position of that one text becomes a number, and the
numbers are sorted by phase (position modulo 3): then every frame of every window is one contiguous slice of them, read
backwards for the other strand, and is open if no stop of its strand lies in it. A record that is longer than a chunk
is numbered in several, which begin and end with its windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from virnucpro.records import Record
from virnucpro.sequences.genetic_codes import STOP, translation_table
from virnucpro.sequences.nucleotides import clean_nucleotides
from virnucpro.sequences.windows import WindowPlan, plan_windows_of_many

__all__ = ["Codons", "NumberedWindows", "number_codons", "number_windows", "numbered_chunks"]

_AMBIGUOUS_DIGIT = 4
_FIVE = np.uint8(5)
_TO_DIGIT = bytes(b"TCAG".find(code) if code in b"TCAG" else _AMBIGUOUS_DIGIT for code in range(256))


@dataclass(frozen=True, eq=False)
class Codons:
    """The codon at every position of a text of nucleotides.

    Attributes
    ----------
    nucleotides : bytes
        The text.
    numbers : numpy.ndarray, shape (3, codons + 1), uint8
        As `translation_table` numbers them: those at positions 0, 3, 6, ... of the text, at 1, 4, 7, ..., and at 2, 5,
        8, ...; behind the text, and in the last column, codons hold a letter that is ambiguous.
    to_amino_acid : bytes
        A `translation_table`.
    """

    nucleotides: bytes
    numbers: NDArray[np.uint8]
    to_amino_acid: bytes

    @cached_property
    def tables(self) -> tuple[bytes, bytes]:
        """Amino acid of each number on the strand as given, and on the other one, which reads the codon backwards."""
        numbers = np.arange(125)
        a, b, c = (np.take([2, 3, 0, 1, 4], numbers // power % 5) for power in (25, 5, 1))  # T pairs with A, C with G
        turned = np.concatenate((25 * c + 5 * b + a, np.arange(125, 256)))
        return self.to_amino_acid, np.frombuffer(self.to_amino_acid, np.uint8)[turned].tobytes()

    def stops(self, reverse: bool) -> NDArray[np.bool_]:
        """Tell where stop codons are.

        Parameters
        ----------
        reverse : bool
            Whether to read the other strand.

        Returns
        -------
        numpy.ndarray, shape (3, codons + 1), bool
            As `numbers` lie.
        """
        stops = np.zeros(self.numbers.shape, np.bool_)
        for stop in np.flatnonzero(np.frombuffer(self.tables[reverse], np.uint8) == ord(STOP)).tolist():
            stops |= self.numbers == stop
        return stops

    def without_stop(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which frames of some stretches are open.

        Parameters
        ----------
        starts, ends : numpy.ndarray, shape (k,), int64
            Stretches of the text, half-open; quickest when they ascend.

        Returns
        -------
        numpy.ndarray, shape (k, 6), bool
            In the order of `FRAME_NAMES`; a frame without a codon is open.
        """
        is_open = np.ones((len(starts), 6), np.bool_)
        rows = np.arange(len(starts))
        for strand in range(2):
            stops = self.stops(bool(strand))
            for phase in range(3):
                offsets = (ends - phase) % 3 if strand else (phase - starts) % 3
                residues = np.maximum(ends - starts - offsets, 0) // 3
                firsts = np.where(strand, ends - offsets - 3 * residues, starts + offsets) // 3
                has_codon = np.flatnonzero(residues)
                bounds = np.stack((firsts, firsts + residues), axis=1)[has_codon].ravel()
                if len(bounds):
                    is_open[rows[has_codon], 3 * strand + offsets[has_codon]] = ~np.logical_or.reduceat(
                        stops[phase], bounds
                    )[::2]
        return is_open

    def protein(self, first: int, residues: int, reverse: bool) -> str:
        """Translate a stretch.

        Parameters
        ----------
        first : int
            Position of its first base in the text.
        residues : int
            Codons.
        reverse : bool
            Whether to read the other strand.

        Returns
        -------
        str
            One letter per codon.
        """
        codon, phase = divmod(first, 3)
        numbers = self._phases[phase][codon : codon + residues]
        return (numbers[::-1] if reverse else numbers).translate(self.tables[reverse]).decode()

    @cached_property
    def _phases(self) -> list[bytes]:
        """The numbers once more: small slices of bytes are made quicker than those of arrays."""
        return [numbers.tobytes() for numbers in self.numbers]


@dataclass(frozen=True, eq=False)
class NumberedWindows:
    """Windows of some records and their codons, before any frame is chosen.

    Attributes
    ----------
    records : tuple of Record
        The records.
    plan : WindowPlan
        Where the windows lie in them.
    codons : Codons
        Of the windows' text.
    starts, lengths, ambiguous : numpy.ndarray, shape (windows,), int64
        First base of each window in ``codons.nucleotides``, its bases, and how many of them are not A, C, G or T.
    """

    records: tuple[Record, ...]
    plan: WindowPlan
    codons: Codons
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    ambiguous: NDArray[np.int64]


def number_windows(records: Sequence[Record], window_bp: int, genetic_code: int = 1) -> NumberedWindows:
    """Cut records into windows and number their codons.

    Parameters
    ----------
    records : sequence of Record
        Nucleotide sequences, as written. Memory: about 8 bytes per base of all of them together.
    window_bp : int
        Bases of a window.
    genetic_code : int, default: 1
        NCBI's number, 1 to 33.

    Returns
    -------
    NumberedWindows
        Every window.

    Raises
    ------
    ConfigError
        If a window has no bases, or NCBI has no such genetic code.
    """
    (found,) = _numbered(records, window_bp, translation_table(genetic_code), None)
    return found


def numbered_chunks(
    records: Iterable[Record], window_bp: int, genetic_code: int, chunk_bases: int
) -> Iterator[NumberedWindows]:
    """Cut any number of records into windows and number their codons, some bases at a time.

    Parameters
    ----------
    records : iterable of Record
        Nucleotide sequences, as written. Memory: about 8 bytes per base of a chunk, and 1 per base of a longer record.
    window_bp : int
        Bases of a window.
    genetic_code : int
        NCBI's number, 1 to 33.
    chunk_bases : int
        How many bases are numbered together, but for the last window of a piece.

    Yields
    ------
    NumberedWindows
        In the order of records and windows; what a window is does not depend on where chunks end.

    Raises
    ------
    ConfigError
        If a window has no bases, or NCBI has no such genetic code.
    """
    to_amino_acid = translation_table(genetic_code)
    chunk: list[Record] = []
    bases = 0
    for record in records:
        if chunk and bases + len(record.sequence) > chunk_bases:
            yield from _numbered(chunk, window_bp, to_amino_acid, chunk_bases)
            chunk, bases = [], 0
        chunk.append(record)
        bases += len(record.sequence)
    if chunk:
        yield from _numbered(chunk, window_bp, to_amino_acid, chunk_bases)


def _numbered(
    records: Sequence[Record], window_bp: int, to_amino_acid: bytes, chunk_bases: int | None
) -> Iterator[NumberedWindows]:
    """Number all windows; in pieces, if their text is longer than a chunk."""
    sequences = [clean_nucleotides(record.sequence) for record in records]
    plan = plan_windows_of_many([len(sequence) for sequence in sequences], window_bp)
    starts = np.cumsum([0, *map(len, sequences)])[plan.record_rows] + plan.starts
    lengths = plan.ends - plan.starts
    text = b"".join(sequences)
    del sequences
    pieces = starts // chunk_bases if chunk_bases else np.zeros_like(starts)
    borders = [0, *(np.flatnonzero(np.diff(pieces)) + 1).tolist(), len(plan)]
    for rows in (slice(first, last) for first, last in pairwise(borders)):
        begin, end = (int(starts[rows][0]), int((starts + lengths)[rows].max())) if len(plan) else (0, 0)
        piece, own_starts = text[begin:end], starts[rows] - begin
        yield NumberedWindows(
            tuple(records),
            plan[rows],
            number_codons(piece, to_amino_acid),
            own_starts,
            lengths[rows],
            _count_ambiguous(piece, own_starts, lengths[rows]),
        )


def number_codons(nucleotides: bytes, to_amino_acid: bytes) -> Codons:
    """Number the codon at every position.

    Parameters
    ----------
    nucleotides : bytes
        Cleaned letters.
    to_amino_acid : bytes
        A `translation_table`.

    Returns
    -------
    Codons
        Letters and numbers.
    """
    codons = -(-len(nucleotides) // 3) + 1
    digits = np.full((5, codons), _AMBIGUOUS_DIGIT, np.uint8)
    for phase in range(3):
        letters = nucleotides[phase::3].translate(_TO_DIGIT)
        digits[phase, : len(letters)] = np.frombuffer(letters, np.uint8)
    digits[3:, :-1] = digits[:2, 1:]
    numbers = digits[:3] * _FIVE
    numbers += digits[1:4]
    numbers *= _FIVE
    numbers += digits[2:]
    return Codons(nucleotides, numbers, to_amino_acid)


def _count_ambiguous(text: bytes, starts: NDArray[np.int64], window_lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many letters of each window are not A, C, G or T."""
    if not text.translate(None, b"ACGT"):
        return np.zeros_like(starts)
    ambiguous = np.flatnonzero(np.frombuffer(text.translate(_TO_DIGIT), np.uint8) == _AMBIGUOUS_DIGIT)
    return np.searchsorted(ambiguous, starts + window_lengths) - np.searchsorted(ambiguous, starts)
