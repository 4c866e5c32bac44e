"""GenBank files in, training frames out: first decide what is to be done, then do it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from virnucpro.errors import ConfigError, InputError, StoreError
from virnucpro.records import Counts, Failure
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.manifests import Provenance, Receipt, State, examine, identify_input, receipt_path
from virnucpro.sequences.genetic_codes import translation_table
from virnucpro.verbs.prepared_file import Framing, PreparationJob, RecordRow, prepare_file
from virnucpro.verbs.sources import Source, source_problems

__all__ = [
    "PreparationListener",
    "PreparationPlan",
    "PreparationReport",
    "carry_out_preparation",
    "make_preparation_jobs",
    "plan_preparation",
]


@dataclass(eq=False)
class PreparationPlan:
    """What is to be done, and what is not."""

    framing: Framing  # how records become frames
    pending: list[tuple[PreparationJob, Provenance]] = field(default_factory=list)  # to prepare, in input order
    # results that are there already, made from just this
    finished: list[tuple[PreparationJob, Receipt]] = field(default_factory=list)
    unchecked: list[PreparationJob] = field(default_factory=list)  # tables that are there without a receipt; kept
    refused: list[tuple[PreparationJob, InputError]] = field(default_factory=list)  # inputs that cannot be read


@dataclass(eq=False)
class PreparationReport:
    """What a run came to."""

    # records of the files written in this run, and of those that were finished before
    counts: Counts = field(default_factory=Counts)
    # records of the files written in this run, and of those that were finished before
    skipped: Counts = field(default_factory=Counts)
    # windows, frames without a stop and frames kept, of the files written in this run
    totals: Counter[str] = field(default_factory=Counter)
    written_files: int = 0  # files
    skipped_files: int = 0  # files
    refused_files: int = 0  # files
    seconds: float = 0.0  # time spent preparing and writing


class PreparationListener:
    """Is told what happens; override what matters to you."""

    def record_done(self, job: PreparationJob, row: RecordRow) -> None:
        """A record has its row."""

    def file_written(self, job: PreparationJob, receipt: Receipt) -> None:
        """The results of a file and their receipt are on the disk."""

    def file_refused(self, _job: PreparationJob, error: InputError) -> None:
        """A file gave no result."""


def make_preparation_jobs(sources: Sequence[Path], fastas: Sequence[Path], outdir: Path) -> list[PreparationJob]:
    """Pair every GenBank file with its FASTA file, if there are any."""
    paired = list(fastas) if fastas else [None] * len(sources)
    if len(paired) != len(sources):
        raise ConfigError(
            f"{len(sources)} GenBank and {len(fastas)} FASTA files: give --fasta once for each GenBank file, in the "
            "same order, or not at all"
        )
    jobs = [PreparationJob(source, fasta, outdir, str(source)) for source, fasta in zip(sources, paired, strict=True)]
    problems = source_problems([Source(path, str(path)) for path in (*sources, *fastas)])
    by_table: dict[Path, list[str]] = {}
    for job in jobs:
        by_table.setdefault(job.table, []).append(job.label)
    problems += [
        f"{' and '.join(labels)} would both give {table}" for table, labels in by_table.items() if len(labels) > 1
    ]
    if problems:
        raise ConfigError("; ".join(problems))
    return jobs


def plan_preparation(jobs: Sequence[PreparationJob], framing: Framing, overwrite: bool = False) -> PreparationPlan:
    """Decide what to do with every input, before anything is computed."""
    translation_table(framing.genetic_code)
    plan, conflicts = PreparationPlan(framing), []
    for job in jobs:
        try:
            provenance = _provenance_of(job, framing)
            state, receipt = (State.ABSENT, None) if overwrite else _examine(job, provenance)
            if receipt is not None:
                plan.finished.append((job, receipt))
            elif state is State.UNCHECKED:
                plan.unchecked.append(job)
            else:
                plan.pending.append((job, provenance))
        except InputError as error:
            plan.refused.append((job, error))
        except StoreError as error:
            conflicts.append(str(error))
    if conflicts:
        raise StoreError("\n".join(conflicts))
    return plan


def _provenance_of(job: PreparationJob, framing: Framing) -> Provenance:
    settings: dict[str, Any] = {"window_bp": framing.window_bp, "genetic_code": framing.genetic_code}
    if job.fasta is not None:
        identity = identify_input(job.fasta)
        settings |= {"fasta size": identity.size, "fasta sha256": identity.sha256}
    return Provenance(identify_input(job.source, job.label), None, settings)


def _examine(job: PreparationJob, wanted: Provenance) -> tuple[State, Receipt | None]:
    """Look at the table's receipt, and at the two files that it vouches for as well."""
    state, receipt = examine(job.table, wanted)
    if receipt is None:
        return state, None
    for path in (job.nucleotides, job.proteins):
        if not path.exists():
            return State.ABSENT, None
        expected, found = receipt.details["outputs"][path.name]["size"], path.stat().st_size
        if found != expected:
            raise StoreError(
                f"{path} has {found} bytes, {expected} in {receipt_path(job.table)}; "
                "to make it anew, remove it or add --overwrite"
            )
    return state, receipt


def carry_out_preparation(plan: PreparationPlan, listener: PreparationListener) -> PreparationReport:
    """Prepare what a plan says, file by file."""
    report = PreparationReport(skipped_files=len(plan.finished) + len(plan.unchecked))
    for _, receipt in plan.finished:
        report.skipped += receipt.counts
    for job, error in plan.refused:
        _refuse(job, error, report, listener)
    started = time.perf_counter()
    for job, provenance in plan.pending:
        try:
            receipt = prepare_file(job, provenance, plan.framing, listener.record_done)
        except InputError as error:
            _refuse(job, error, report, listener)
        else:
            report.counts += receipt.counts
            report.totals.update(receipt.details["totals"])
            report.written_files += 1
            listener.file_written(job, receipt)
    report.seconds = time.perf_counter() - started
    return report


def _refuse(job: PreparationJob, error: InputError, report: PreparationReport, listener: PreparationListener) -> None:
    replace_failures(job.outdir, job.label, [Failure(0, "-", type(error).__name__, str(error))])
    report.refused_files += 1
    listener.file_refused(job, error)
