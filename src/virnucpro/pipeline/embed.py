"""Sequence files in, feature files out: first decide what is to be done, then do it.

The plan looks at every input and every result before a model is loaded: what is finished is skipped, what was made from
something else stops the run, what cannot be read is refused at once and not after hours.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from virnucpro.embedding.records import Embedded, Limits, embed_records
from virnucpro.errors import ConfigError, InputError, StoreError
from virnucpro.models.encoders import Encoder
from virnucpro.models.placement import Placement
from virnucpro.records import Counts, EmbeddingTable, Failure, ModelIdentity, Molecule, Record
from virnucpro.sequences.fasta import read_records, sequence_stem
from virnucpro.sequences.proteins import looks_like_nucleotides
from virnucpro.store.failures import append_failures
from virnucpro.store.features import FORMATS
from virnucpro.store.receipts import Provenance, Receipt, State, examine, identify_input, write_result

__all__ = [
    "EmbeddingPlan",
    "Job",
    "Listener",
    "Report",
    "carry_out",
    "default_max_tokens",
    "embed_file",
    "embed_stream",
    "make_jobs",
    "plan_embedding",
    "require_rows",
]

PART_RECORDS = 10_000
"""Records that are planned and batched together; only these, and the vectors so far, are in memory at once."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One file to embed.

    Attributes
    ----------
    source : Path
        The sequence file.
    target : Path
        The feature file.
    label : str
        What the source is called in messages, logs and receipts.
    """

    source: Path
    target: Path
    label: str


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A job that is to be done.

    Attributes
    ----------
    job : Job
        The files.
    provenance : Provenance
        What the result will be made from.
    residues : int
        Residues to come, for the progress bar; what cleaning removes is still counted.
    """

    job: Job
    provenance: Provenance
    residues: int


@dataclass(eq=False)
class EmbeddingPlan:
    """What is to be done, and what is not.

    Attributes
    ----------
    pending : list of PendingJob
        To embed, in input order.
    finished : list of (Job, Receipt)
        Results that are there already, made from just this.
    unchecked : list of Job
        Results that are there without a receipt; kept.
    refused : list of (Job, InputError)
        Inputs that cannot be read.
    """

    pending: list[PendingJob] = field(default_factory=list)
    finished: list[tuple[Job, Receipt]] = field(default_factory=list)
    unchecked: list[Job] = field(default_factory=list)
    refused: list[tuple[Job, InputError]] = field(default_factory=list)


@dataclass(eq=False)
class Report:
    """What a run came to.

    Attributes
    ----------
    counts : Counts
        Sequences of the files written in this run.
    skipped : Counts
        Sequences of the files that were finished before.
    written_files, skipped_files, refused_files : int
        Files.
    seconds : float
        Time spent embedding and writing.
    """

    counts: Counts = field(default_factory=Counts)
    skipped: Counts = field(default_factory=Counts)
    written_files: int = 0
    skipped_files: int = 0
    refused_files: int = 0
    seconds: float = 0.0

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


def default_max_tokens(placement: Placement) -> int:
    """Budget of a batch when the user names none.

    Parameters
    ----------
    placement : Placement
        Where the encoder runs.

    Returns
    -------
    int
        2,048 tokens on a CPU, where small batches stay in cache; 16,384 on an accelerator, where small batches wait
        for kernel launches. A batch that does not fit is halved.
    """
    return 2048 if placement.device.type == "cpu" else 16384


def make_jobs(sources: Sequence[Path], outdir: Path, molecule: Molecule = Molecule.PROTEIN) -> list[Job]:
    """Name the result of every input: ``x.faa.gz`` gives ``OUTDIR/x_ESM.pt``, as DNA ``OUTDIR/x_DNABERT_S.pt``.

    Parameters
    ----------
    sources : sequence of Path
        Sequence files.
    outdir : Path
        Folder of the results.
    molecule : Molecule, default: Molecule.PROTEIN
        What the model reads.

    Returns
    -------
    list of Job
        In the same order.

    Raises
    ------
    ConfigError
        If an input does not exist, or two would give the same result; names all of them.
    """
    suffix = FORMATS[molecule].suffix
    jobs = [Job(source, outdir / f"{sequence_stem(source)}{suffix}", str(source)) for source in sources]
    problems = [f"{job.label}: no such file" for job in jobs if not job.source.exists()]
    problems += [f"{job.label}: a folder, not a file" for job in jobs if job.source.is_dir()]
    by_target: dict[Path, list[str]] = {}
    for job in jobs:
        by_target.setdefault(job.target, []).append(job.label)
    problems += [
        f"{' and '.join(labels)} would both give {target}" for target, labels in by_target.items() if len(labels) > 1
    ]
    if problems:
        raise ConfigError("; ".join(problems))
    return jobs


def _provenance_of(job: Job, model: ModelIdentity, placement: Placement, limits: Limits) -> Provenance:
    """Everything that decides the vectors: the number format does, device and batch budget do not."""
    settings = {"dtype": placement.dtype_name, "max_residues": limits.max_residues}
    return Provenance(identify_input(job.source, job.label), model, settings)


def plan_embedding(
    jobs: Sequence[Job], model: ModelIdentity, placement: Placement, limits: Limits, overwrite: bool = False
) -> EmbeddingPlan:
    """Decide what to do with every input, before anything is computed.

    Parameters
    ----------
    jobs : sequence of Job
        The files.
    model : ModelIdentity
        The weights that will be used.
    placement : Placement
        Where they will run.
    limits : Limits
        Residues per sequence, tokens per batch.
    overwrite : bool, default: False
        Make everything anew.

    Returns
    -------
    EmbeddingPlan
        Every job in exactly one of its lists.

    Raises
    ------
    StoreError
        If results are there that were made from something else; names all of them and what differs.
    """
    plan, conflicts = EmbeddingPlan(), []
    for job in jobs:
        try:
            provenance = _provenance_of(job, model, placement, limits)
            state, receipt = (State.ABSENT, None) if overwrite else examine(job.target, provenance)
            if receipt is not None:
                plan.finished.append((job, receipt))
            elif state is State.UNCHECKED:
                plan.unchecked.append(job)
            else:
                plan.pending.append(PendingJob(job, provenance, _count_residues(job, model.molecule, limits)))
        except InputError as error:
            plan.refused.append((job, error))
        except StoreError as error:
            conflicts.append(str(error))
    if conflicts:
        raise StoreError("\n".join(conflicts))
    return plan


def carry_out(plan: EmbeddingPlan, encoder: Encoder | None, limits: Limits, listener: Listener) -> Report:
    """Embed what a plan says, file by file.

    Parameters
    ----------
    plan : EmbeddingPlan
        From `plan_embedding`.
    encoder : Encoder or None
        The model; None will do when nothing is pending.
    limits : Limits
        As in the plan.
    listener : Listener
        Is told what happens.

    Returns
    -------
    Report
        Counts and time. Failed sequences and refused files are in the failure log as well.

    Raises
    ------
    StoreError
        If a result cannot be written.
    """
    report = Report(skipped_files=len(plan.finished) + len(plan.unchecked))
    for _, receipt in plan.finished:
        report.skipped += receipt.counts
    for job, error in plan.refused:
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
    append_failures(job.target.parent, job.label, [Failure(0, "-", type(error).__name__, str(error))])
    report.refused_files += 1
    listener.file_refused(job, error)


def embed_file(pending: PendingJob, encoder: Encoder, limits: Limits, on_progress: Callable[[int], None]) -> Receipt:
    """Embed one file and write its result, receipt and failures.

    Parameters
    ----------
    pending : PendingJob
        From a plan.
    encoder : Encoder
        The model.
    limits : Limits
        As in the plan.
    on_progress : callable
        Told the residues of every batch that is done.

    Returns
    -------
    Receipt
        As written.

    Raises
    ------
    InputError
        If the file cannot be read, or not one of its sequences got a vector.
    StoreError
        If the result cannot be written.
    """
    job = pending.job
    embedded = embed_stream(read_records(job.source, job.label), encoder, limits, on_progress)
    append_failures(job.target.parent, job.label, embedded.failures)
    require_rows(job.label, embedded)
    details = {
        "device": encoder.placement.describe(),
        "max_tokens": limits.max_tokens,
        "replaced_residues": [list(row) for row in embedded.replaced],
    }
    receipt = Receipt(pending.provenance, embedded.counts, details)
    write = FORMATS[encoder.identity.molecule].write
    return write_result(job.target, lambda stream: write(stream, embedded.table), receipt)


def embed_stream(
    records: Iterator[Record], encoder: Encoder, limits: Limits, on_progress: Callable[[int], None]
) -> Embedded:
    """Embed records part by part, so that only one part of them is in memory.

    Parameters
    ----------
    records : iterator of Record
        Of one file.
    encoder : Encoder
        The model.
    limits : Limits
        Residues per sequence, tokens per batch.
    on_progress : callable
        Told the residues of every batch that is done.

    Returns
    -------
    Embedded
        Rows in file order, and a reason for every record without one.
    """
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
    """Refuse a file of which nothing could be embedded.

    Parameters
    ----------
    label : str
        Its name.
    embedded : Embedded
        What became of it.

    Raises
    ------
    InputError
        If there is no row; gives the first reason.
    """
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


def _count_residues(job: Job, molecule: Molecule, limits: Limits) -> int:
    """Read a whole file once: finds what is wrong with it before any work, and how much there is to do."""
    records = nucleotides = residues = 0
    for record in read_records(job.source, job.label):
        records += 1
        used = record.sequence[: limits.max_residues]
        residues += len(used)
        nucleotides += looks_like_nucleotides(used.upper().encode("ascii", "replace"))
    if not records:
        raise InputError(f"{job.label}: holds no sequences")
    if molecule is Molecule.PROTEIN and nucleotides > records / 2:
        logger.warning("%s looks like nucleotides; a protein model reads A, C, G and T as amino acids", job.label)
    return residues
