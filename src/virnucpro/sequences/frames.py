"""The six frames of every window, of many records at once.

All sequences of a chunk are laid end to end, and behind them the reverse complement of the whole. That one text is
translated once, at every position, and its amino acids are sorted by phase (position modulo 3): then every frame of
every window, on either strand, is one contiguous slice of the proteins, and is open if no stop lies in it.

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

import numpy as np
from numpy.typing import NDArray

from virnucpro.records import Record
from virnucpro.sequences.genetic_codes import STOP, translation_table
from virnucpro.sequences.nucleotides import clean_nucleotides, reverse_complement
from virnucpro.sequences.windows import Outcome, WindowPlan, WindowTable, plan_windows_of_many

__all__ = [
    "FRAME_NAMES",
    "Frame",
    "FrameTable",
    "TranslatedStrands",
    "TranslatedWindows",
    "find_frames",
    "translate_strands",
    "translate_windows",
]

FRAME_NAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
"""Three offsets on the strand as given, three on its reverse complement."""

MIN_CODONS = 2
"""A window in which no frame has so many is too short."""

_AMBIGUOUS_DIGIT = 4
_TO_DIGIT = bytes(b"TCAG".find(code) if code in b"TCAG" else _AMBIGUOUS_DIGIT for code in range(256))


@dataclass(frozen=True, slots=True)
class Frame:
    """One stop-free frame of a window.

    Attributes
    ----------
    record_number : int
        Number of its record in the file, from 1.
    window_row : int
        Row of its window in the table of windows.
    id : str
        ``{window id}{F1 to F3 or R1 to R3}``; shared by frames of records that share an id.
    nucleotides : str
        The codons and, where the window has one, the base that follows them.
    protein : str
        All residues of the frame.
    """

    record_number: int
    window_row: int
    id: str
    nucleotides: str
    protein: str


@dataclass(frozen=True, eq=False)
class TranslatedStrands:
    """Both strands of a text of nucleotides, with the amino acid of the codon at every position.

    Attributes
    ----------
    nucleotides : bytes
        The text, its reverse complement, and two to four N.
    proteins : bytes
        Amino acids of the codons at positions 0, 3, 6, ... of `nucleotides`, then of those at 1, 4, 7, ..., then of
        those at 2, 5, 8, ...
    """

    nucleotides: bytes
    proteins: bytes

    def protein_positions(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the codons at some positions have their amino acids.

        Parameters
        ----------
        positions : numpy.ndarray, int64
            Of first bases, in `nucleotides`.

        Returns
        -------
        numpy.ndarray, int64
            Positions in `proteins`, of the same shape; the residues of a frame follow each other there.
        """
        return positions % 3 * (len(self.proteins) // 3) + positions // 3


@dataclass(frozen=True, eq=False)
class FrameTable:
    """The stop-free frames of some windows, row by row, as slices of shared text.

    Attributes
    ----------
    windows : WindowTable
        All windows, also those without a frame, with their outcomes.
    strands : TranslatedStrands
        What the slices are cut from.
    window_rows : numpy.ndarray, shape (rows,), int64
        Row of the frame's window in `windows`; ascending.
    frame_indices : numpy.ndarray, shape (rows,), int64
        Index into `FRAME_NAMES`; ascending within a window.
    nucleotide_starts, nucleotide_lengths : numpy.ndarray, shape (rows,), int64
        Slice of ``strands.nucleotides``, in bases.
    protein_starts, protein_lengths : numpy.ndarray, shape (rows,), int64
        Slice of ``strands.proteins``, in residues.
    """

    windows: WindowTable
    strands: TranslatedStrands
    window_rows: NDArray[np.int64]
    frame_indices: NDArray[np.int64]
    nucleotide_starts: NDArray[np.int64]
    nucleotide_lengths: NDArray[np.int64]
    protein_starts: NDArray[np.int64]
    protein_lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.window_rows)

    def __iter__(self) -> Iterator[Frame]:
        nucleotides, proteins = self.strands.nucleotides.decode(), self.strands.proteins.decode()
        records, plan = self.windows.records, self.windows.plan
        prefixes = [f"{record.id}_chunk_" for record in records]
        record_rows = plan.record_rows[self.window_rows]
        columns = (
            record_rows, plan.numbers[self.window_rows], self.window_rows, self.frame_indices,
            self.nucleotide_starts, self.nucleotide_starts + self.nucleotide_lengths,
            self.protein_starts, self.protein_starts + self.protein_lengths,
        )  # fmt: skip
        for record_row, number, window_row, frame_index, dna_start, dna_end, start, end in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            yield Frame(
                records[record_row].number,
                window_row,
                f"{prefixes[record_row]}{number}{FRAME_NAMES[frame_index]}",
                nucleotides[dna_start:dna_end],
                proteins[start:end],
            )


@dataclass(frozen=True, eq=False)
class TranslatedWindows:
    """Six frames of every window, before any choice among them.

    Attributes
    ----------
    plan : WindowPlan
        Where the windows lie.
    strands : TranslatedStrands
        What the slices are cut from.
    lengths, ambiguous : numpy.ndarray, shape (windows,), int64
        Bases of each window, and how many of them are not A, C, G or T.
    nucleotide_starts : numpy.ndarray, shape (windows, 6), int64
        First base of each frame in ``strands.nucleotides``.
    protein_starts, residues : numpy.ndarray, shape (windows, 6), int64
        Slice of each frame in ``strands.proteins``, stops included.
    """

    plan: WindowPlan
    strands: TranslatedStrands
    lengths: NDArray[np.int64]
    ambiguous: NDArray[np.int64]
    nucleotide_starts: NDArray[np.int64]
    protein_starts: NDArray[np.int64]
    residues: NDArray[np.int64]


def find_frames(records: Sequence[Record], window_bp: int, genetic_code: int = 1) -> FrameTable:
    """Cut records into windows and find the stop-free frames of each window.

    Parameters
    ----------
    records : sequence of Record
        Nucleotide sequences, as written. Memory: about 15 bytes per base of all of them together, of which the
        table keeps 4 to 5.
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
    found = translate_windows(records, window_bp, genetic_code)
    is_open = _without_stop(found.strands.proteins, found.protein_starts, found.residues)
    outcomes = _outcomes(found.lengths, found.ambiguous, is_open)
    kept = np.nonzero(is_open & (outcomes == Outcome.FRAMES)[:, None])
    window_rows, frame_indices = kept
    bases_left = found.lengths[window_rows] - frame_indices % 3
    return FrameTable(
        WindowTable(tuple(records), found.plan, outcomes),
        found.strands,
        window_rows,
        frame_indices,
        found.nucleotide_starts[kept],
        np.minimum(1 + 3 * found.residues[kept], bases_left),
        found.protein_starts[kept],
        found.residues[kept],
    )


def translate_windows(records: Sequence[Record], window_bp: int, genetic_code: int = 1) -> TranslatedWindows:
    """Cut records into windows and translate all six frames of each.

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
    TranslatedWindows
        Every window, every frame, stops included.

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
    strands = translate_strands(text, to_amino_acid)
    nucleotide_starts, residues = _frame_slices(starts, lengths, len(text))
    protein_starts = strands.protein_positions(nucleotide_starts)
    ambiguous = _count_ambiguous(text, starts, lengths)
    return TranslatedWindows(plan, strands, lengths, ambiguous, nucleotide_starts, protein_starts, residues)


def translate_strands(nucleotides: bytes, to_amino_acid: bytes) -> TranslatedStrands:
    """Translate the codon at every position of both strands.

    Parameters
    ----------
    nucleotides : bytes
        Cleaned letters.
    to_amino_acid : bytes
        A `translation_table`.

    Returns
    -------
    TranslatedStrands
        Letters and amino acids.
    """
    both = nucleotides + reverse_complement(nucleotides)
    both += b"N" * (2 + -len(both) % 3)
    digits = np.frombuffer(both.translate(_TO_DIGIT), np.uint8)
    codons = digits[:-2] * np.uint8(5)
    codons += digits[1:-1]
    codons *= 5
    codons += digits[2:]
    by_phase = np.ascontiguousarray(codons.reshape(-1, 3).T)
    return TranslatedStrands(both, by_phase.tobytes().translate(to_amino_acid))


def _frame_slices(
    starts: NDArray[np.int64], window_lengths: NDArray[np.int64], text_length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First base of each frame in the two strands, and its residues; two arrays of shape (windows, 6)."""
    offsets = np.arange(3)
    reverse_starts = 2 * text_length - starts - window_lengths
    firsts = np.stack((starts, reverse_starts), axis=1)[:, :, None] + offsets
    residues = (window_lengths[:, None] - offsets) // 3
    return firsts.reshape(-1, 6), np.tile(residues, 2)


def _without_stop(proteins: bytes, protein_starts: NDArray[np.int64], residues: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether no stop lies in a slice of the proteins, for slices of any shape."""
    stops = np.flatnonzero(np.frombuffer(proteins, np.uint8) == ord(STOP))
    stops = np.append(stops, len(proteins))
    return stops[np.searchsorted(stops, protein_starts)] >= protein_starts + residues


def _count_ambiguous(text: bytes, starts: NDArray[np.int64], window_lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many letters of each window are not A, C, G or T."""
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
