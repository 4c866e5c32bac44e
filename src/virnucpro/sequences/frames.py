"""The six frames of every window, of many records at once.

Letters are made for open frames only.

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
from virnucpro.sequences.codons import Codons
from virnucpro.sequences.nucleotides import reverse_complement
from virnucpro.sequences.numbered_windows import NumberedWindows, number_windows
from virnucpro.sequences.windows import Outcome, WindowTable

__all__ = [
    "FRAME_NAMES",
    "Frame",
    "FrameTable",
    "find_frames",
    "open_frames",
]

FRAME_NAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
"""Three offsets on the strand as given, three on its reverse complement."""

MIN_CODONS = 2
"""A window in which no frame has so many is too short."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a window: stop-free, or that of its longest stretch, by the rule of frames."""

    record_number: int  # number of its record in the file, from 1
    window_row: int  # row of its window in the table of windows
    id: str  # ``{window id}{F1 to F3 or R1 to R3}``; shared by frames of records that share an id
    # the codons and the bases that follow them: none or one in a stop-free frame, else the window to its end
    nucleotides: str
    protein: str  # all residues of the frame; or those of its longest stretch, perhaps none


@dataclass(frozen=True, eq=False)
class FrameTable:
    """The frames that stand for some windows, row by row, as slices of shared text."""

    windows: WindowTable  # all windows, also those without a frame, with their outcomes
    codons: Codons  # what the slices are cut from
    window_rows: NDArray[np.int64]  # (rows,) Row of the frame's window in `windows`; ascending
    frame_indices: NDArray[np.int64]  # (rows,) Index into `FRAME_NAMES`; ascending within a window
    # (rows,) Slice of ``codons.nucleotides``, in bases; R frames are its reverse complement
    nucleotide_starts: NDArray[np.int64]
    # (rows,) Slice of ``codons.nucleotides``, in bases; R frames are its reverse complement
    nucleotide_lengths: NDArray[np.int64]
    # (rows,) First base of the protein's codons in ``codons.nucleotides``, whichever strand they are read on, and how
    # many codons they are
    protein_starts: NDArray[np.int64]
    # (rows,) First base of the protein's codons in ``codons.nucleotides``, whichever strand they are read on, and how
    # many codons they are
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

    Examples
    --------
    >>> table = find_frames([Record(1, "phage", "atgaaaTTTa")], window_bp=500)
    >>> [(frame.id, frame.nucleotides, frame.protein) for frame in table][0]
    ('phage_chunk_1F1', 'ATGAAATTTA', 'MKF')
    >>> table.windows.counts()
    {'frames': 1, 'no_open_frame': 0, 'too_short': 0, 'ambiguous': 0}
    """
    return open_frames(number_windows(records, window_bp, genetic_code))


def open_frames(found: NumberedWindows) -> FrameTable:
    """Find the stop-free frames of windows."""
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
        WindowTable(found.records, found.plan, outcomes),
        found.codons,
        window_rows,
        frame_indices,
        nucleotide_starts,
        lengths,
        nucleotide_starts + np.where(reverse, lengths - 3 * residues, 0),
        residues,
    )


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
