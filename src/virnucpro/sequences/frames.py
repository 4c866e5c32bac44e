"""The six frames of every window, of many records at once.

All sequences of a chunk are laid end to end. The codon at every position of that one text becomes a number, and the
numbers are sorted by phase (position modulo 3): then every frame of every window is one contiguous slice of them, read
backwards for the other strand, and is open if no stop of its strand lies in it. Letters are made for open frames only.

Kept as VirNucPro has it: with each protein go the nucleotides ``strand[offset : offset + 1 + 3 * residues]`` of the
window, one base more than the codons where there is one; published classifiers were trained on that. Not kept:
VirNucPro deletes a codon with an ambiguous base, so that residues shift and stops hide; here such a codon is an X,
never a stop, whatever it may stand for.

References
----------
``translate_dna`` and ``identify_seq`` in ``units.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from virnucpro.records import Record
from virnucpro.sequences.genetic_codes import STOP, translation_table
from virnucpro.sequences.nucleotides import clean_nucleotides, reverse_complement
from virnucpro.sequences.windows import Outcome, WindowPlan, WindowTable, plan_windows_of_many

__all__ = [
    "FRAME_NAMES",
    "Codons",
    "Frame",
    "FrameTable",
    "NumberedWindows",
    "find_frames",
    "number_codons",
    "number_windows",
]

FRAME_NAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
"""Three offsets on the strand as given, three on its reverse complement."""

MIN_CODONS = 2
"""A window in which no frame has so many is too short."""

_AMBIGUOUS_DIGIT = 4
_FIVE = np.uint8(5)
_TO_DIGIT = bytes(b"TCAG".find(code) if code in b"TCAG" else _AMBIGUOUS_DIGIT for code in range(256))


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a window: stop-free, or that of its longest stretch, by the rule of frames.

    Attributes
    ----------
    record_number : int
        Number of its record in the file, from 1.
    window_row : int
        Row of its window in the table of windows.
    id : str
        ``{window id}{F1 to F3 or R1 to R3}``; shared by frames of records that share an id.
    nucleotides : str
        The codons and the bases that follow them: none or one in a stop-free frame, else the window to its end.
    protein : str
        All residues of the frame; or those of its longest stretch, perhaps none.
    """

    record_number: int
    window_row: int
    id: str
    nucleotides: str
    protein: str


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
class FrameTable:
    """The frames that stand for some windows, row by row, as slices of shared text.

    Attributes
    ----------
    windows : WindowTable
        All windows, also those without a frame, with their outcomes.
    codons : Codons
        What the slices are cut from.
    window_rows : numpy.ndarray, shape (rows,), int64
        Row of the frame's window in `windows`; ascending.
    frame_indices : numpy.ndarray, shape (rows,), int64
        Index into `FRAME_NAMES`; ascending within a window.
    nucleotide_starts, nucleotide_lengths : numpy.ndarray, shape (rows,), int64
        Slice of ``codons.nucleotides``, in bases; R frames are its reverse complement.
    protein_starts, residues : numpy.ndarray, shape (rows,), int64
        First base of the protein's codons in ``codons.nucleotides``, whichever strand they are read on, and how many
        codons they are.
    """

    windows: WindowTable
    codons: Codons
    window_rows: NDArray[np.int64]
    frame_indices: NDArray[np.int64]
    nucleotide_starts: NDArray[np.int64]
    nucleotide_lengths: NDArray[np.int64]
    protein_starts: NDArray[np.int64]
    residues: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.window_rows)

    def __iter__(self) -> Iterator[Frame]:
        text, protein = self.codons.nucleotides, self.codons.protein
        records, plan = self.windows.records, self.windows.plan
        prefixes = [f"{record.id}_chunk_" for record in records]
        columns = (
            plan.record_rows[self.window_rows], plan.numbers[self.window_rows], self.window_rows, self.frame_indices,
            self.nucleotide_starts, self.nucleotide_starts + self.nucleotide_lengths, self.protein_starts,
            self.residues,
        )  # fmt: skip
        for record_row, number, window_row, frame_index, start, end, first, residues in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            reverse, strand = frame_index >= len(FRAME_NAMES) // 2, text[start:end]
            yield Frame(
                records[record_row].number,
                window_row,
                f"{prefixes[record_row]}{number}{FRAME_NAMES[frame_index]}",
                (reverse_complement(strand) if reverse else strand).decode(),
                protein(first, residues, reverse),
            )


def find_frames(records: Sequence[Record], window_bp: int, genetic_code: int = 1) -> FrameTable:
    """Cut records into windows and find the stop-free frames of each window.

    Parameters
    ----------
    records : sequence of Record
        Nucleotide sequences, as written. Memory: about 8 bytes per base of all of them together, of which the
        table keeps 2 to 3.
    window_bp : int
        Bases of a window.
    genetic_code : int, default: 1
        NCBI's number, 1 to 33.

    Returns
    -------
    FrameTable
        Frames in the order of records, windows and `FRAME_NAMES`; every window with its outcome. What a record gives
        does not depend on the others.

    Raises
    ------
    ConfigError
        If a window has no bases, or NCBI has no such genetic code.

    Examples
    --------
    >>> table = find_frames([Record(1, "phage", "atgaaaTTTa")], window_bp=500)
    >>> [(frame.id, frame.nucleotides, frame.protein) for frame in table][0]
    ('phage_chunk_1F1', 'ATGAAATTTA', 'MKF')
    >>> table.windows.counts()
    {'frames': 1, 'no_open_frame': 0, 'too_short': 0, 'ambiguous': 0}
    """
    found = number_windows(records, window_bp, genetic_code)
    starts, lengths_bp = found.starts, found.lengths
    is_open = found.codons.without_stop(starts, starts + lengths_bp)
    outcomes = _outcomes(lengths_bp, found.ambiguous, is_open)

    window_rows, frame_indices = np.nonzero(is_open & (outcomes == Outcome.FRAMES)[:, None])
    bases_left = lengths_bp[window_rows] - frame_indices % 3
    residues = bases_left // 3
    lengths = np.minimum(1 + 3 * residues, bases_left)
    reverse = frame_indices >= len(FRAME_NAMES) // 2
    nucleotide_starts = starts[window_rows] + np.where(reverse, bases_left - lengths, frame_indices)
    return FrameTable(
        WindowTable(tuple(records), found.plan, outcomes),
        found.codons,
        window_rows,
        frame_indices,
        nucleotide_starts,
        lengths,
        nucleotide_starts + np.where(reverse, lengths - 3 * residues, 0),
        residues,
    )


@dataclass(frozen=True, eq=False)
class NumberedWindows:
    """Windows of some records and their codons, before any frame is chosen.

    Attributes
    ----------
    plan : WindowPlan
        Where the windows lie in their records.
    codons : Codons
        Of all records, laid end to end.
    starts, lengths, ambiguous : numpy.ndarray, shape (windows,), int64
        First base of each window in ``codons.nucleotides``, its bases, and how many of them are not A, C, G or T.
    """

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
        Nucleotide sequences, as written.
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
    to_amino_acid = translation_table(genetic_code)
    sequences = [clean_nucleotides(record.sequence) for record in records]
    plan = plan_windows_of_many([len(sequence) for sequence in sequences], window_bp)
    text = b"".join(sequences)
    origins = np.cumsum([0, *map(len, sequences)])
    starts = origins[plan.record_rows] + plan.starts
    lengths = plan.ends - plan.starts
    return NumberedWindows(
        plan, number_codons(text, to_amino_acid), starts, lengths, _count_ambiguous(text, starts, lengths)
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


def _outcomes(
    window_lengths: NDArray[np.int64], ambiguous: NDArray[np.int64], is_open: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """What became of each window; the first rule that fits decides."""
    outcomes = np.select(
        [window_lengths < 3 * MIN_CODONS, 2 * ambiguous > window_lengths, is_open.any(axis=1)],
        [Outcome.TOO_SHORT, Outcome.AMBIGUOUS, Outcome.FRAMES],
        Outcome.NO_OPEN_FRAME,
    )
    return outcomes.astype(np.uint8)
