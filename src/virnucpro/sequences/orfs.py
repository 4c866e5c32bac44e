"""Open reading frames: which rows stand for a window, and their tokens and letters.

A codon with an ambiguous letter is an X, never a stop, whatever it may stand for. (The original deletes such codons, so
that residues shift and stops are hidden.) Three rules:

``open``
    The original's: every frame of six that has no stop codon. With its protein go the nucleotides
    ``strand[offset : offset + 1 + 3 * residues]``, one base more than the codons where there is one; published
    classifiers were trained on that. A quarter to nine tenths of windows have no such frame.
``longest``
    Each frame offers its longest ORF, from stop to stop, and the longest of these is the row of the window; where it is
    short, and not much longer than the second, either may be the gene's, and both are rows. With each goes the window,
    on the strand of the ORF and from the first codon of its frame on. A window without an ORF worth translating has
    one row all the same, without a protein.
``window``
    Every window is a row, without a protein.

References
----------
``translate_dna`` and ``identify_seq`` in ``units.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.sequences.codons import CLS, COMPLEMENT, EOS, FROM_TOKEN, find_stops, to_tokens
from virnucpro.sequences.nucleotides import complement, reverse_complement
from virnucpro.sequences.ragged import Ragged, by_length, slices
from virnucpro.sequences.windows import WindowStatus, WindowTable

__all__ = ["FRAME_NAMES", "MIN_ORF_CODONS", "ONE_ROW_CODONS", "WHOLE_WINDOW", "RowRule", "Rows", "find_rows"]

RowRule = Literal["open", "longest", "window"]

FRAME_NAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
"""Three offsets on the strand as given, three on its reverse complement."""

WHOLE_WINDOW = 255
"""The frame of a row that is a whole window."""

MIN_OPEN_BP = 6
"""Rule ``open``: no frame of a shorter window has two codons."""

MIN_ORF_CODONS = 10
"""Rule ``longest``: shorter ORFs are not used; nearly every window has some, and they say little."""

MIN_BP = 3 * MIN_ORF_CODONS
"""Rules ``longest`` and ``window``: a shorter window says nothing."""

ONE_ROW_CODONS = 64
"""Rule ``longest``: an ORF so long is the window's only row. Of 0, 32, 48, 64, 96 and no bound, this one and 96 rank
windows best, on families that `mini` was not trained on; without a bound, half of the time goes into rows that tell
nothing."""

MAX_RATIO = 2
"""Rule ``longest``: beside a shorter one, the second is used unless the first is more than so many times as long."""

Columns = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Rows:
    """What stands for windows in a feature table, one row each."""

    table: WindowTable
    translation_table: int  # NCBI's number
    status: NDArray[np.uint8]  # (windows,) `WindowStatus` of every window of the table
    window_rows: NDArray[np.int64]  # (rows,) ascending
    frames: NDArray[np.uint8]  # (rows,) index into `FRAME_NAMES`, ascending within a window; or `WHOLE_WINDOW`
    # (rows,) slices of ``table.text`` in bases, whichever strand they are read on
    nucleotide_starts: NDArray[np.int64]
    nucleotide_lengths: NDArray[np.int64]
    protein_starts: NDArray[np.int64]
    residues: NDArray[np.int64]  # (rows,) codons

    def __len__(self) -> int:
        return len(self.window_rows)

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Some of the rows; the windows stay."""
        columns = [field.name for field in fields(self)[3:]]
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    @property
    def is_reverse(self) -> NDArray[np.bool_]:
        """Which rows are read on the other strand."""
        return (self.frames >= 3) & (self.frames != WHOLE_WINDOW)

    def protein_tokens(self) -> Ragged:
        """ESM-2 tokens (uint8): <cls>, residues, <eos>; nothing where there is no residue."""
        tables = to_tokens(self.translation_table)
        tokens = self._read(self.table.codons, 3, self.protein_starts, self.residues, tables, margin=1)
        begins, ends = tokens.offsets[:-1], tokens.offsets[1:]
        tokens.values[begins[begins < ends]] = CLS
        tokens.values[ends[begins < ends] - 1] = EOS
        return tokens

    def proteins(self) -> list[str]:
        """Proteins in letters."""
        tokens = self.protein_tokens()
        text = tokens.values.tobytes().translate(FROM_TOKEN).decode()
        bounds = tokens.offsets.tolist()
        return [text[begin + 1 : max(end - 1, 0)] for begin, end in zip(bounds, bounds[1:], strict=False)]

    def nucleotides(self) -> list[str]:
        """Nucleotides in letters, on the strand of each row."""
        both = (self.table.text + reverse_complement(self.table.text)).decode()
        begins, lengths = self.nucleotide_starts, self.nucleotide_lengths
        begins = np.where(self.is_reverse, len(both) - begins - lengths, begins)
        return [both[a:b] for a, b in zip(begins.tolist(), (begins + lengths).tolist(), strict=True)]

    def base_codes(self) -> Ragged:
        """Codes (uint8) of the nucleotides, on the strand of each row: A C G T = 0 1 2 3, anything else 4."""
        tables = bytes(range(256)), COMPLEMENT
        return self._read(self.table.codes, 1, self.nucleotide_starts, self.nucleotide_lengths, tables)

    def _read(
        self,
        source: NDArray[np.uint8],
        step: int,
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        tables: tuple[bytes, bytes],
        margin: int = 0,
    ) -> Ragged:
        """Every step-th value of slices, on the other strand backwards, through its strand's table; with room around."""
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
    >>> from virnucpro.sequences.windows import cut_windows, plan_windows
    >>> rows = find_rows(cut_windows([b"ATGAAATTTA"], plan_windows([10], 500)), "open")
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
    starts, frames = table.starts[rows], np.full(len(rows), WHOLE_WINDOW, np.uint8)
    return Rows(
        table, translation_table, status, rows, frames, starts, table.lengths[rows], starts, np.zeros_like(starts)
    )


def _status(table: WindowTable, min_bp: int) -> NDArray[np.uint8]:
    """Windows that cannot have a row."""
    status = np.full(len(table), WindowStatus.SCORED, np.uint8)
    status[2 * table.ambiguous > table.lengths] = WindowStatus.AMBIGUOUS
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
        table, translation_table, status, window_rows, frames.astype(np.uint8), starts, lengths, protein_starts, residues
    )


def _open_frames(table: WindowTable, translation_table: int) -> NDArray[np.uint8]:
    """Frames without a stop codon of every window: bit i is frame i."""
    forward, reverse = (stops.view(np.uint8) for stops in find_stops(table.codons, translation_table))
    reverse *= np.uint8(8)
    forward |= reverse
    forward *= np.frombuffer(b"\1\2\4" * (len(forward) // 3 + 1), np.uint8)[: len(forward)]
    starts, ends = table.starts, table.starts + table.lengths
    bounds = np.stack((starts, np.maximum(ends - 2, starts)), axis=1).ravel()
    stops = np.bitwise_or.reduceat(forward, bounds)[::2]
    return _OPEN_FRAMES[stops, starts % 3, ends % 3]


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
    firsts, residues = _longest_orfs(table, translation_table)
    residues[residues < MIN_ORF_CODONS] = 0
    chosen = _chosen(residues, _canonical(table))
    chosen[:, status != WindowStatus.SCORED] = False
    window_rows, frames = np.divmod(np.flatnonzero(chosen.T), 6)
    offsets = frames % 3
    starts = table.starts[window_rows] + np.where(frames < 3, offsets, 0)
    places = (frames, window_rows)
    return Rows(
        table, translation_table, status, window_rows, frames.astype(np.uint8), starts,
        table.lengths[window_rows] - offsets, firsts[places], residues[places],
    )  # fmt: skip


def _longest_orfs(table: WindowTable, translation_table: int) -> Columns:
    """First base and codons of the longest ORF of every frame; each of shape (6, windows)."""
    # codons by phase, the position modulo 3: so every frame is one slice of them
    per_phase = -(-len(table.codons) // 3)
    is_stop = np.zeros((2, 3 * per_phase), np.bool_)
    is_stop[:, : len(table.codons)] = find_stops(table.codons, translation_table)
    is_stop = is_stop.reshape(2, -1, 3).swapaxes(1, 2).reshape(2, -1)
    starts, ends, phases = table.starts, table.starts + table.lengths, np.arange(3)[:, None]
    firsts, residues = np.empty((2, 6, len(table)), np.int64)
    for strand in range(2):
        offsets = (ends - phases if strand else phases - starts) % 3
        codons = np.maximum(table.lengths - offsets, 0) // 3
        bases = ends - offsets - 3 * codons if strand else starts + offsets
        shift = phases * per_phase
        stops = np.flatnonzero(is_stop[strand])
        begins, lengths = _longest_run(stops, (bases // 3 + shift).ravel(), codons.ravel(), backwards=bool(strand))
        frames = 3 * strand + offsets, np.arange(len(table))
        firsts[frames] = 3 * (begins.reshape(offsets.shape) - shift) + phases
        residues[frames] = lengths.reshape(offsets.shape)
    return firsts, residues


def _longest_run(
    stops: NDArray[np.int64], firsts: NDArray[np.int64], codons: NDArray[np.int64], backwards: bool
) -> Columns:
    """First codon and length of the longest run without a stop in each slice; of equals the first that is read."""
    ends = firsts + codons
    before, after = np.searchsorted(stops, firsts), np.searchsorted(stops, ends)
    has_stop = after > before
    padded = np.append(stops, (0, 0))
    # between two stops of a slice: one number orders runs by length, then by place
    place = np.arange(len(stops) + 1)
    rank = (np.diff(padded) - 1 << 32) + (place if backwards else len(stops) - place)
    bounds = np.stack((before, np.maximum(after - 1, before)), axis=1).ravel()
    best = np.maximum.reduceat(rank, bounds)[::2]
    inner, place = best >> 32, best & 0xFFFFFFFF
    inner[after - before < 2] = -1
    place = place if backwards else len(stops) - place
    # and from the slice's begin to its first stop, from its last stop to its end
    tails = np.where(has_stop, padded[after - 1] + 1, firsts)
    heads = np.where(has_stop, padded[before], ends)
    begins = np.stack((firsts, padded[place] + 1, tails))
    lengths = np.stack((heads - firsts, inner, ends - tails))
    order = slice(None, None, -1 if backwards else 1)
    choice = np.argmax(lengths[order], axis=0)[None]
    return tuple(np.take_along_axis(column[order], choice, axis=0)[0] for column in (begins, lengths))


def _canonical(table: WindowTable) -> NDArray[np.bool_]:
    """Whether the strand as given comes before the other one in the alphabet, or is the same."""
    letters, others = (np.frombuffer(text, np.uint8) for text in (table.text, complement(table.text)))
    is_first = np.ones(len(table), np.bool_)
    windows, left, right = np.arange(len(table)), table.starts, table.starts + table.lengths - 1
    while len(windows):
        own, other = letters[left], others[right]
        is_first[windows] = own <= other
        undecided = (own == other) & (left < right)
        windows, left, right = windows[undecided], left[undecided] + 1, right[undecided] - 1
    return is_first


def _chosen(residues: NDArray[np.int64], forward_first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which frames are rows: the longest ORF, and the second if it might as well be the gene's.

    Of equals the one of the smaller offset, then that on the strand that comes first: so a window and its reverse
    complement have the same rows.
    """
    strand_rank = np.stack((forward_first, ~forward_first))[:, None]
    rank = 6 * residues + (2 * (2 - np.arange(3)[:, None]) + strand_rank).reshape(residues.shape)
    first = rank.max(axis=0)
    chosen = rank == first
    second = np.where(chosen, -1, rank).max(axis=0)
    longest, next_longest = first // 6, second // 6
    unsure = (next_longest > 0) & (longest < ONE_ROW_CODONS) & (longest <= MAX_RATIO * next_longest)
    return chosen | (unsure & (rank == second))
