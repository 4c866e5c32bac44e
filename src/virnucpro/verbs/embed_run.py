"""Many files, one after the other: what a plan says is done, and counted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from virnucpro.embedding.records import Limits
from virnucpro.errors import InputError
from virnucpro.models.encoders import Encoder
from virnucpro.records import Counts
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.manifests import Receipt
from virnucpro.verbs.embed import embed_file, failure_of_file
from virnucpro.verbs.embed_plan import EmbeddingPlan, Job

__all__ = ["Listener", "Report", "carry_out"]


@dataclass(eq=False)
class Report:
    """What a run came to."""

    counts: Counts = field(default_factory=Counts)  # sequences of the files written in this run
    skipped: Counts = field(default_factory=Counts)  # sequences of the files that were finished before
    written_files: int = 0  # files
    skipped_files: int = 0  # files
    refused_files: int = 0  # files
    seconds: float = 0.0  # time spent embedding and writing

    @property
    def residues_per_second(self) -> float:
        """Residues embedded per second, reading and writing included."""
        return self.counts.residues / self.seconds if self.seconds else 0.0


class Listener(Protocol):
    """Is told what happens while a plan is carried out."""

    def advanced(self, residues: int) -> None:
        """Some residues are done."""

    def file_written(self, job: Job, receipt: Receipt) -> None:
        """A result and its receipt are on the disk."""

    def file_refused(self, job: Job, error: InputError) -> None:
        """A file gave no result."""


def carry_out(plan: EmbeddingPlan, encoder: Encoder | None, limits: Limits, listener: Listener) -> Report:
    """Embed what a plan says, file by file."""
    report = Report(skipped_files=len(plan.finished) + len(plan.unchecked))
    for _, receipt in plan.finished:
        report.skipped += receipt.counts
    for job, error in plan.refused:
        replace_failures(job.target.parent, job.label, [failure_of_file(error)])
        _refuse(job, error, report, listener)
    started = time.perf_counter()
    for pending in plan.pending:
        assert encoder is not None, "a plan with pending jobs needs an encoder"
        try:
            receipt = embed_file(pending, encoder, limits, listener.advanced)
        except InputError as error:
            _refuse(pending.job, error, report, listener)
        else:
            report.counts += receipt.counts
            report.written_files += 1
            listener.file_written(pending.job, receipt)
    report.seconds = time.perf_counter() - started
    return report


def _refuse(job: Job, error: InputError, report: Report, listener: Listener) -> None:
    report.refused_files += 1
    listener.file_refused(job, error)
