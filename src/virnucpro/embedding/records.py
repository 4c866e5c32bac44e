"""From records to a table of vectors, and a reason for every record without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from virnucpro.batching import plan_batches
from virnucpro.embedding.batches import NOT_FINITE, OUT_OF_MEMORY, Outcome, run_batches
from virnucpro.errors import InputError
from virnucpro.models.encoders import Encoder, Prepared
from virnucpro.records import Counts, EmbeddingTable, Failure, Record

__all__ = ["Embedded", "Limits", "embed_records"]

_REASONS = {
    OUT_OF_MEMORY: "does not fit in memory even alone; lower --max-residues, or use a device with more memory",
    NOT_FINITE: "gives numbers that are not finite, in float32 too; the weights or the sequence are unusual",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a sequence is used, and how much goes through the model at once.

    Attributes
    ----------
    max_residues : int
        Residues of a protein that are used, from the first.
    max_tokens : int
        Budget of one batch.
    """

    max_residues: int = 1024
    max_tokens: int = 2048


@dataclass(frozen=True, eq=False)
class Embedded:
    """What became of some records.

    Attributes
    ----------
    table : EmbeddingTable
        Rows in the order of the records.
    failures : tuple of Failure
        One for every record without a row.
    counts : Counts
        The same in numbers.
    replaced : tuple of (int, str, int)
        Record number, id, and how many of its characters became X; only records that had any.
    """

    table: EmbeddingTable
    failures: tuple[Failure, ...]
    counts: Counts
    replaced: tuple[tuple[int, str, int], ...]


def embed_records(
    encoder: Encoder, records: Sequence[Record], limits: Limits, on_progress: Callable[[int], None] = lambda _: None
) -> Embedded:
    """Embed records that fit in memory together.

    Parameters
    ----------
    encoder : Encoder
        The model.
    records : sequence of Record
        Any number; ids may repeat.
    limits : Limits
        Residues per sequence, tokens per batch.
    on_progress : callable, optional
        Told the residues of every batch that is done.

    Returns
    -------
    Embedded
        A row or a failure for every record.
    """
    prepared, failures = _prepare(encoder, records, limits.max_residues)
    plan = plan_batches([len(p.tokens) for _, p in prepared], limits.max_tokens)
    outcomes: list[Outcome] = []
    for batch in run_batches(encoder, [p.tokens for _, p in prepared], plan):
        outcomes += batch
        on_progress(sum(prepared[outcome.index][1].residues for outcome in batch))
    return _gather(encoder.width, prepared, sorted(outcomes, key=lambda outcome: outcome.index), failures)


def _prepare(
    encoder: Encoder, records: Sequence[Record], max_residues: int
) -> tuple[list[tuple[Record, Prepared]], list[Failure]]:
    prepared, failures = [], []
    for record in records:
        if not record.id:
            failures.append(Failure(record.number, f"record {record.number}", "NoId", "its header has no id"))
            continue
        try:
            prepared.append((record, encoder.prepare(record.sequence, max_residues)))
        except InputError as error:
            failures.append(Failure(record.number, record.id, "EmptySequence", str(error)))
    return prepared, failures


def _gather(
    width: int, prepared: list[tuple[Record, Prepared]], outcomes: list[Outcome], failures: list[Failure]
) -> Embedded:
    rows = []
    for (record, preparation), outcome in zip(prepared, outcomes, strict=True):
        if outcome.vector is None:
            failures.append(Failure(record.number, record.id, outcome.error_type, _REASONS[outcome.error_type]))
        else:
            rows.append((record, preparation, outcome.vector))
    vectors = np.stack([vector for *_, vector in rows]) if rows else np.empty((0, width), np.float32)
    counts = Counts(
        read=len(rows) + len(failures),
        written=len(rows),
        truncated=sum(preparation.truncated for _, preparation, _ in rows),
        failed=len(failures),
        residues=sum(preparation.residues for _, preparation, _ in rows),
    )
    replaced = tuple((record.number, record.id, p.replaced) for record, p, _ in rows if p.replaced)
    failures = sorted(failures, key=lambda failure: failure.number)
    return Embedded(EmbeddingTable(tuple(r.id for r, *_ in rows), vectors), tuple(failures), counts, replaced)
