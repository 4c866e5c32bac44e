"""A sequence file in, a feature file out: as planned, part by part, beside a receipt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice

from virnucpro.embedding.records import Embedded, Limits, embed_records
from virnucpro.errors import InputError
from virnucpro.features.vectors import FORMATS
from virnucpro.models.encoders import Encoder
from virnucpro.records import Counts, EmbeddingTable, Failure, Record
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.manifests import Receipt, failure_details, identify_input, write_result
from virnucpro.sequences.fasta import read_records
from virnucpro.verbs.embed_plan import PendingJob

__all__ = [
    "embed_file",
    "embed_stream",
    "failure_of_file",
    "require_rows",
]

PART_RECORDS = 10_000
"""Records that are planned and batched together; only these, and the vectors so far, are in memory at once."""

logger = logging.getLogger(__name__)


def embed_file(pending: PendingJob, encoder: Encoder, limits: Limits, on_progress: Callable[[int], None]) -> Receipt:
    """Embed one file and write its result, receipt and failures."""
    job, failures = pending.job, list[Failure]()
    try:
        embedded = embed_stream(read_records(job.source, job.label), encoder, limits, on_progress)
        _require_unchanged(pending)
        failures += embedded.failures
        require_rows(job.label, embedded)
    except InputError as error:
        replace_failures(job.target.parent, job.label, [*failures, failure_of_file(error)])
        raise
    replace_failures(job.target.parent, job.label, failures)
    details = {
        "device": encoder.placement.describe(),
        "max_tokens": limits.max_tokens or encoder.batch_tokens,
        "failures": failure_details(failures),
        "replaced_residues": [list(row) for row in embedded.replaced],
    }
    receipt = Receipt(pending.provenance, embedded.counts, details)
    write = FORMATS[encoder.architecture.layout].write
    return write_result(job.target, lambda stream: write(stream, embedded.table.ids, embedded.table.vectors), receipt)


def embed_stream(
    records: Iterator[Record], encoder: Encoder, limits: Limits, on_progress: Callable[[int], None]
) -> Embedded:
    """Embed records part by part, so that only one part of them is in memory."""
    parts = [embed_records(encoder, part, limits, on_progress) for part in _parts(records)]
    if len(parts) == 1:
        return parts[0]
    return Embedded(
        EmbeddingTable.concatenate(encoder.width, [part.table for part in parts]),
        tuple(failure for part in parts for failure in part.failures),
        sum((part.counts for part in parts), Counts()),
        tuple(row for part in parts for row in part.replaced),
    )


def require_rows(label: str, embedded: Embedded) -> None:
    """Refuse a file of which nothing could be embedded."""
    if embedded.counts.written:
        return
    if not embedded.failures:
        raise InputError(f"{label}: holds no sequences")
    first = embedded.failures[0]
    raise InputError(
        f"{label}: none of its {embedded.counts.read} sequences could be embedded; "
        f"the first (record {first.number}, {first.id}): {first.message}"
    )


def _parts(records: Iterator[Record]) -> Iterator[list[Record]]:
    while part := list(islice(records, PART_RECORDS)):
        yield part


def failure_of_file(error: InputError) -> Failure:
    """Put down why a whole file gave no result."""
    return Failure(0, "-", type(error).__name__, str(error))


def _require_unchanged(pending: PendingJob) -> None:
    """A receipt must not vouch for bytes that were never embedded."""
    job = pending.job
    if identify_input(job.source, job.label) != pending.provenance.input:
        raise InputError(f"{job.label}: changed while it was read; run again when nothing writes to it any more")
