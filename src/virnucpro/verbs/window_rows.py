"""Embed the windows of a part: one row of numbers for each window or each of its ORFs."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from virnucpro.embedding.embed import embed_tokens
from virnucpro.models.encoders import Encoder
from virnucpro.records import Failure, Record
from virnucpro.runs.plan import PartSize, Planner
from virnucpro.runs.run import Advance, PartInput
from virnucpro.sequences.genetic_codes import amino_acids
from virnucpro.sequences.nucleotides import clean_sequences
from virnucpro.sequences.orfs import RowRule, Rows, find_rows
from virnucpro.sequences.ragged import Ragged
from virnucpro.sequences.row_ids import row_ids
from virnucpro.sequences.windows import Layout, Windows, cut_windows, plan_windows
from virnucpro.verbs.encoders import ChosenEncoders

__all__ = ["EmbeddedRows", "WindowSettings", "ambiguous_letters", "embed_rows"]

_READABLE = b"ACGTUacgtu \t\n\r\v\f"


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Settings by which sequences become rows."""

    window_bp: int
    rows: RowRule
    translation_table: int
    layout: Layout
    min_length_bp: int = 0  # shorter records have no windows

    def __post_init__(self) -> None:
        amino_acids(self.translation_table)  # raises if there is no such table

    def planner(self, size: PartSize) -> Planner:
        """Plan parts as ranges of windows."""
        return Planner(self.units, size)

    def units(self, letters: int) -> int:
        """Number of windows of a record."""
        return -(-letters // self.window_bp) if letters >= self.min_length_bp else 0

    def windows(self, given: PartInput, lengths_bp: NDArray[np.int64]) -> Windows:
        """Plan the windows of a part; `record_rows` are indices into its records."""
        used = np.where(lengths_bp >= self.min_length_bp, lengths_bp, 0)
        part = given.part
        return plan_windows(used, self.window_bp, self.layout)[part.first_unit : part.first_unit + part.units]


def content(record: Record) -> tuple[bytes, bytes]:
    """Header and letters of a record, for the digest of its part."""
    return record.header.encode("utf-8", "surrogateescape"), record.sequence.encode("utf-8", "surrogateescape")


def letters(record: Record) -> int:
    """Number of letters of a record, without white space."""
    sequence = record.sequence
    return len(sequence) if sequence.isalpha() else len(sequence) - sum(map(sequence.count, " \t\n\r\v\f"))


def ambiguous_letters(record: Record) -> int:
    """Number of letters of a record that are not A, C, G, T or U, without white space."""
    return len(record.sequence.encode("ascii", "replace").translate(None, _READABLE))


@dataclass(frozen=True, eq=False)
class EmbeddedRows:
    """The rows of a part, and vectors of those that every encoder could embed."""

    windows: Windows
    rows: Rows
    kept: NDArray[np.int64]  # (n,) rows that have vectors, ascending
    vectors: NDArray[np.float32]  # (n, width) DNA columns, then protein columns
    failures: tuple[Failure, ...]  # `number` is the record's position in the part


def embed_rows(
    given: PartInput, settings: WindowSettings, chosen: ChosenEncoders, max_tokens: int | None, advance: Advance
) -> EmbeddedRows:
    """Cut, translate and embed the windows of a part."""
    sequences = clean_sequences(list(map(attrgetter("sequence"), given.records)))
    windows = settings.windows(given, sequences.lengths)
    rows = find_rows(cut_windows(sequences, windows), settings.rows, settings.translation_table)
    told = 0
    blocks, failed = [], dict[int, tuple[str, str]]()
    for role, encoder in chosen.encoders.items():
        tokens = _tokens(rows, role, encoder, settings.window_bp)
        share = _Share(given.part.letters / len(chosen.encoders), tokens, advance)
        embedded = embed_tokens(encoder, tokens, max_tokens, share)
        told += share.told
        blocks.append(embedded.vectors)
        for row, (error_type, message) in embedded.failures.items():
            if not (role == "protein" and rows.residues[row] == 0):  # a row without an ORF has zeros
                failed.setdefault(row, (error_type, f"{role}: {message}"))
    advance(given.part.letters - told)
    kept = np.setdiff1d(np.arange(len(rows.window_rows)), np.fromiter(failed, np.int64, len(failed)))
    owners = windows.record_rows[rows.window_rows]
    without = np.array(sorted(failed), np.int64)
    names = row_ids([record.id for record in given.records], windows, rows.take(without))
    failures = tuple(
        Failure(int(owners[row]), name, *failed[row]) for row, name in zip(without.tolist(), names, strict=True)
    )
    return EmbeddedRows(windows, rows, kept, np.concatenate(blocks, axis=1)[kept], failures)


def _tokens(rows: Rows, role: str, encoder: Encoder, window_bp: int) -> Ragged:
    if role == "protein":
        return rows.protein_tokens()
    if encoder.architecture.reads_bases:
        return rows.base_codes()
    return encoder.tokenise(rows.nucleotides(), window_bp + 1).ragged


class _Share:
    """Reports one encoder's share of the progress of a part, batch by batch."""

    def __init__(self, letters: float, tokens: Ragged, advance: Advance) -> None:
        self._lengths, self._advance = tokens.lengths, advance
        self._scale = letters / max(int(self._lengths.sum()), 1)
        self._tokens = self.told = 0

    def __call__(self, rows: NDArray[np.int64]) -> None:
        self._tokens += int(self._lengths[rows].sum())
        letters = int(self._tokens * self._scale) - self.told
        self.told += letters
        self._advance(letters)
