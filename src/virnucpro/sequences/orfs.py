"""Open reading frames: the rows that represent a window, their tokens and letters.

A codon with an ambiguous letter is always X, never a stop. (The original deletes such codons, which shifts residues and
hides stops.) There are three rules:

``open``
    As in the original: each of the six frames without a stop codon. Its nucleotides are
    ``strand[offset : offset + 1 + 3 * residues]``, one base more than the codons if there is one, because published
    classifiers were trained on that. A quarter to nine tenths of windows have no such frame.
``longest``
    The longest ORF of the window, from stop to stop, or the longest two. The nucleotides are the window on the strand
    of the ORF, from the first codon of its frame on. A window without a long enough ORF still has one row, without a
    protein.
``window``
    Every window is one row, without a protein.

References
----------
``translate_dna`` and ``identify_seq`` in ``units.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.sequences.codons import BASES, CLS, EOS, FROM_TOKEN, OTHER_BASES, find_stops, to_tokens
from virnucpro.sequences.longest_orfs import MIN_ORF_CODONS, choose_orfs, longest_orfs
from virnucpro.sequences.nucleotides import reverse_complement, to_letters
from virnucpro.sequences.ragged import Ragged, by_length, slices
from virnucpro.sequences.windows import WindowStatus, WindowTable

__all__ = ["FRAME_NAMES", "WHOLE_WINDOW", "RowRule", "Rows", "find_rows"]

RowRule = Literal["open", "longest", "window"]

FRAME_NAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
"""Three offsets on the given strand and three on its reverse complement."""

WHOLE_WINDOW = 255
"""Frame of a row that is a whole window."""

MIN_OPEN_BP = 6
"""Rule ``open``: frames of shorter windows have fewer than two codons."""

MIN_BP = 3 * MIN_ORF_CODONS
"""Rules ``longest`` and ``window``: shorter windows are not used."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a feature table and the windows that they come from."""

    table: WindowTable
    translation_table: int  # NCBI number
    status: NDArray[np.uint8]  # (windows,) `WindowStatus` of every window of the table
    window_rows: NDArray[np.int64]  # (rows,) ascending
    frames: NDArray[np.uint8]  # (rows,) index into `FRAME_NAMES`, ascending within a window; or `WHOLE_WINDOW`
    # (rows,) slices of ``table.codes``, whichever strand they are read on
    nucleotide_starts: NDArray[np.int64]
    nucleotide_lengths: NDArray[np.int64]
    protein_starts: NDArray[np.int64]
    residues: NDArray[np.int64]  # (rows,) codons

    def __len__(self) -> int:
        return len(self.window_rows)

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Select rows; the windows stay."""
        columns = [field.name for field in fields(self)[3:]]
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    @property
    def is_reverse(self) -> NDArray[np.bool_]:
        """Which rows are on the reverse strand."""
        is_reverse: NDArray[np.bool_] = (self.frames >= 3) & (self.frames < len(FRAME_NAMES))
        return is_reverse

    def protein_tokens(self) -> Ragged:
        """ESM-2 tokens (uint8): <cls>, residues, <eos>; empty for a row without a protein."""
        tables = to_tokens(self.translation_table)
        tokens = self._read(self.table.codons, 3, self.protein_starts, self.residues, tables, margin=1)
        begins, ends = tokens.offsets[:-1], tokens.offsets[1:]
        tokens.values[begins[begins < ends]] = CLS
        tokens.values[ends[begins < ends] - 1] = EOS
        return tokens

    def proteins(self) -> list[str]:
        """Proteins as strings."""
        tokens = self.protein_tokens()
        text = tokens.values.tobytes().translate(FROM_TOKEN).decode()
        return [text[begin + 1 : max(end - 1, 0)] for begin, end in pairwise(tokens.offsets.tolist())]

    def nucleotides(self) -> list[str]:
        """Nucleotides as strings, on the strand of each row."""
        letters = to_letters(self.table.codes)
        both = (letters + reverse_complement(letters)).decode()
        begins, lengths = self.nucleotide_starts, self.nucleotide_lengths
        begins = np.where(self.is_reverse, len(both) - begins - lengths, begins)
        return [both[a:b] for a, b in zip(begins.tolist(), (begins + lengths).tolist(), strict=True)]

    def base_codes(self) -> Ragged:
        """Codes (uint8) of the nucleotides, on the strand of each row: A C G T = 0 1 2 3, anything else 4."""
        return self._read(self.table.codes, 1, self.nucleotide_starts, self.nucleotide_lengths, (BASES, OTHER_BASES))

    def _read(
        self,
        source: NDArray[np.uint8],
        step: int,
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        tables: tuple[bytes, bytes],
        margin: int = 0,  # free values on both sides of each row
    ) -> Ragged:
        """Read every step-th value of slices, backwards on the reverse strand, and translate by the strand's table."""
        read = Ragged.empty(lengths + 2 * margin * (lengths > 0), np.uint8)
        for key, rows in by_length(2 * lengths + (self.is_reverse & (lengths > 0))):
            length, reverse = divmod(key, 2)
            block = slices(source, step * length)[starts[rows]].view(np.uint8).reshape(len(rows), -1)
            values = (block[:, -step::-step] if reverse else block[:, ::step]).tobytes().translate(tables[reverse])
            places = slices(read.values, length)
            places[read.offsets[rows] + margin] = np.frombuffer(values, places.dtype)
        return read


def find_rows(table: WindowTable, rule: RowRule, translation_table: int = 1) -> Rows:
    """Find the rows of every window.

    Examples
    --------
    >>> from virnucpro.sequences.nucleotides import clean_sequences
    >>> from virnucpro.sequences.windows import cut_windows, plan_windows
    >>> rows = find_rows(cut_windows(clean_sequences(["ATGAAATTTA"]), plan_windows([10], 500)), "open")
    >>> rows.nucleotides()[0], rows.proteins()[0], rows.protein_tokens()[0].tolist()
    ('ATGAAATTTA', 'MKF', [0, 20, 15, 18, 2])
    """
    if rule == "open":
        return _open(table, translation_table)
    if rule == "longest":
        return _longest(table, translation_table)
    if rule != "window":
        raise ConfigError(f"there is no rule {rule!r} for rows; choose open, longest or window")
    status = _status(table, MIN_BP)
    rows = np.flatnonzero(status == WindowStatus.SCORED)
    starts, residues, frames = table.starts[rows], np.zeros_like(rows), np.full(len(rows), WHOLE_WINDOW, np.uint8)
    return Rows(table, translation_table, status, rows, frames, starts, table.lengths[rows], starts, residues)


def _status(table: WindowTable, min_bp: int) -> NDArray[np.uint8]:
    """Status of every window before ORFs are searched."""
    status = np.full(len(table), WindowStatus.SCORED, np.uint8)
    status[table.is_unreadable] = WindowStatus.AMBIGUOUS
    status[table.lengths < min_bp] = WindowStatus.TOO_SHORT
    return status


def _open(table: WindowTable, translation_table: int) -> Rows:
    """Rule ``open``."""
    status = _status(table, MIN_OPEN_BP)
    open_frames = _open_frames(table, translation_table)
    open_frames[status != WindowStatus.SCORED] = 0
    status[(status == WindowStatus.SCORED) & (open_frames == 0)] = WindowStatus.NO_OPEN_FRAME
    window_rows, frames = np.divmod(np.flatnonzero(np.unpackbits(open_frames[:, None], 1, 6, "little")), 6)
    offsets, is_reverse = frames % 3, frames >= 3
    bases = table.lengths[window_rows] - offsets
    residues = bases // 3
    lengths = np.minimum(3 * residues + 1, bases)
    starts = table.starts[window_rows] + np.where(is_reverse, bases - lengths, offsets)
    protein_starts = starts + np.where(is_reverse, lengths - 3 * residues, 0)
    return Rows(
        table, translation_table, status, window_rows, frames.astype(np.uint8), starts, lengths, protein_starts,
        residues,
    )  # fmt: skip


def _open_frames(table: WindowTable, translation_table: int) -> NDArray[np.uint8]:
    """Frames without a stop codon of every window: bit i is frame i."""
    stops = find_stops(table.codons, translation_table)
    starts, ends = table.starts, table.starts + table.lengths
    bounds = np.stack((starts, np.maximum(ends - 2, starts)), axis=1).ravel()
    found = np.bitwise_or.reduceat(stops, bounds)[::2]
    open_frames: NDArray[np.uint8] = _OPEN_FRAMES[found, starts % 3, ends % 3]
    return open_frames


def _open_frames_by_phase() -> NDArray[np.uint8]:
    """Open frames by stops in phases (bits 0 to 2, other strand 3 to 5), and by where the window begins and ends."""
    stops, start, end, offset = np.ogrid[:64, :3, :3, :3]
    forward = stops >> (start + offset) % 3 & 1
    reverse = stops >> (3 + (end - offset) % 3) & 1
    return np.packbits(1 - np.concatenate((forward + 0 * end, reverse + 0 * start), axis=3), 3, "little")[..., 0]


_OPEN_FRAMES = _open_frames_by_phase()


def _longest(table: WindowTable, translation_table: int) -> Rows:
    """Rule ``longest``."""
    status = _status(table, MIN_BP)
    firsts, residues = longest_orfs(table, translation_table)
    chosen = choose_orfs(table, residues)
    chosen[:, status != WindowStatus.SCORED] = False
    window_rows, frames = np.divmod(np.flatnonzero(chosen.T), 6)
    offsets = frames % 3
    starts = table.starts[window_rows] + np.where(frames < 3, offsets, 0)
    places = (frames, window_rows)
    return Rows(
        table, translation_table, status, window_rows, frames.astype(np.uint8), starts,
        table.lengths[window_rows] - offsets, firsts[places], residues[places],
    )  # fmt: skip
