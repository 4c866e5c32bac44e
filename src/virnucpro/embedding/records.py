"""From records to a table of vectors, and a reason for every record without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from virnucpro.batching import plan_batches
from virnucpro.embedding.batches import NOT_FINITE, OUT_OF_MEMORY, Attempt, run_batches
from virnucpro.errors import InputError
from virnucpro.models.encoders import Encoder, Prepared
from virnucpro.models.memory import return_free_memory
from virnucpro.models.pack import WIDE
from virnucpro.models.placement import Placement
from virnucpro.records import Counts, EmbeddingTable, Failure, Record

__all__ = ["ACCELERATOR_MAX_TOKENS", "CPU_MAX_TOKENS", "Embedded", "Limits", "embed_records"]

_REASONS = {
    OUT_OF_MEMORY: "does not fit in memory even alone; shorten it (--max-residues, --window) or use a larger device",
    NOT_FINITE: "gives numbers that are not finite, in float32 too; the weights or the sequence are unusual",
}

CPU_MAX_TOKENS, NARROW_CPU_MAX_TOKENS = 1024, 4096
"""Of encoders at least so wide, what stays in the cache; of others, what a thread does not have to wait for."""

ACCELERATOR_MAX_TOKENS = 16384
"""Enough that launches of kernels do not decide, by what is published of such encoders."""

RECORDS_OF_A_TASK = 256
"""Records that a thread tokenises at a time."""

BATCHES_BETWEEN_RETURNS = 16
"""Batches after which free memory goes back: of what arrays of many sizes leave, glibc would keep 50 to 200 MB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a sequence is used, and how much goes through the model at once."""

    max_residues: int = 1024  # residues of a protein that are used, from the first
    # budget of one batch, of which a CPU has one for every thread; None for what suits the encoder and its device
    max_tokens: int | None = None

    def budget(self, placement: Placement, width: int) -> int:
        """Say how many tokens a batch may have."""
        if self.max_tokens is not None:
            return self.max_tokens
        if placement.device.type != "cpu":
            return ACCELERATOR_MAX_TOKENS
        return CPU_MAX_TOKENS if width >= WIDE else NARROW_CPU_MAX_TOKENS


@dataclass(frozen=True, eq=False)
class Embedded:
    """What became of some records."""

    table: EmbeddingTable  # rows in the order of the records
    failures: tuple[Failure, ...]  # one for every record without a row
    counts: Counts  # the same in numbers
    # record number, id, and how many of its characters became X; only records that had any
    replaced: tuple[tuple[int, str, int], ...]


@dataclass(eq=False, slots=True)
class _Row:
    """A record on its way: prepared, then attempted."""

    record: Record
    prepared: Prepared
    attempt: Attempt | None = None


def embed_records(
    encoder: Encoder, records: Sequence[Record], limits: Limits, on_progress: Callable[[int], None] = lambda _: None
) -> Embedded:
    """Embed records that fit in memory together."""
    rows, failures = _prepare(encoder, records, limits.max_residues)
    sharers = _sharers(rows)
    tokens = [sharing[0].prepared.tokens for sharing in sharers]
    budget = limits.budget(encoder.placement, encoder.width)
    plan = plan_batches([len(sequence) for sequence in tokens], budget)
    for number, batch in enumerate(run_batches(encoder, tokens, plan, budget), start=1):
        for attempt in batch:
            for row in sharers[attempt.index]:
                row.attempt = attempt
        on_progress(sum(row.prepared.residues for attempt in batch for row in sharers[attempt.index]))
        if number % BATCHES_BETWEEN_RETURNS == 0:
            return_free_memory()
    return _gather(encoder.width, rows, failures)


def _prepare(encoder: Encoder, records: Sequence[Record], max_residues: int) -> tuple[list[_Row], list[Failure]]:
    """Tokenise on all threads: the tokenizer of DNA works outside of Python's lock."""
    tasks = [records[start : start + RECORDS_OF_A_TASK] for start in range(0, len(records), RECORDS_OF_A_TASK)]
    with ThreadPoolExecutor(torch.get_num_threads(), "tokens") as pool:
        of_tasks = pool.map(lambda task: [_row_or_failure(encoder, record, max_residues) for record in task], tasks)
        found = list(chain.from_iterable(of_tasks))
    rows = [one for one in found if isinstance(one, _Row)]
    return rows, [one for one in found if isinstance(one, Failure)]


def _row_or_failure(encoder: Encoder, record: Record, max_residues: int) -> _Row | Failure:
    if not record.id:
        return Failure(record.number, f"record {record.number}", "NoId", "its header has no id")
    try:
        return _Row(record, encoder.prepare(record.sequence, max_residues))
    except InputError as error:
        return Failure(record.number, record.id, "EmptySequence", str(error))


def _sharers(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Rows by their tokens, which are embedded once: of some sequencing runs 45 in 100 reads are there before."""
    by_tokens: dict[bytes, list[_Row]] = {}
    for row in rows:
        by_tokens.setdefault(row.prepared.tokens.tobytes(), []).append(row)
    return list(by_tokens.values())


def _gather(width: int, rows: Sequence[_Row], failures: list[Failure]) -> Embedded:
    vectors, embedded = [], []
    for row in rows:
        record, attempt = row.record, row.attempt
        assert attempt is not None  # a plan holds every index
        if attempt.vector is None:
            failures.append(Failure(record.number, record.id, attempt.error_type, _REASONS[attempt.error_type]))
        else:
            vectors.append(attempt.vector)
            embedded.append(row)
    table = EmbeddingTable(
        tuple(row.record.id for row in embedded), np.stack(vectors) if vectors else np.empty((0, width), np.float32)
    )
    counts = Counts(
        read=len(embedded) + len(failures),
        written=len(embedded),
        truncated=sum(row.prepared.truncated for row in embedded),
        failed=len(failures),
        residues=sum(row.prepared.residues for row in embedded),
    )
    replaced = tuple(
        (row.record.number, row.record.id, row.prepared.replaced) for row in embedded if row.prepared.replaced
    )
    return Embedded(table, tuple(sorted(failures, key=lambda failure: failure.number)), counts, replaced)
