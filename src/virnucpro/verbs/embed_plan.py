"""What is to be done, decided before it is done.

Inputs are looked at first, and results, with the weights known, after them: what cannot be read is refused at once and
not after hours, what is finished is skipped, what was made from something else stops the run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from virnucpro.embedding.records import Limits
from virnucpro.errors import ConfigError, InputError, StoreError
from virnucpro.features.vectors import DNA_SUFFIX, PROTEIN_SUFFIX
from virnucpro.models.placement import Placement
from virnucpro.records import ModelIdentity, Molecule
from virnucpro.runs.manifests import InputIdentity, Provenance, Receipt, State, examine, identify_input
from virnucpro.sequences.fasta import read_records, sequence_stem
from virnucpro.sequences.proteins import looks_like_nucleotides
from virnucpro.verbs.sources import Source, source_problems

__all__ = [
    "EmbeddingPlan",
    "Inputs",
    "Job",
    "PendingJob",
    "Survey",
    "compare_with_results",
    "look_at_inputs",
    "make_jobs",
    "plan_embedding",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One file to embed."""

    source: Path  # the sequence file
    target: Path  # the feature file
    label: str  # what the source is called in messages, logs and receipts


@dataclass(frozen=True, slots=True)
class Survey:
    """What reading a whole file once tells."""

    residues: int  # residues that will be used; what cleaning removes is still counted
    looks_like_nucleotides: bool  # whether most of its sequences are made of A, C, G and T


@dataclass(eq=False)
class Inputs:
    """What the inputs are, before any result or model is looked at."""

    # inputs that can be read; without a survey where a result is, which may be finished
    seen: list[tuple[Job, InputIdentity, Survey | None]] = field(default_factory=list)
    refused: list[tuple[Job, InputError]] = field(default_factory=list)  # inputs that cannot be read


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A job that is to be done."""

    job: Job  # the files
    provenance: Provenance  # what the result will be made from
    survey: Survey  # how much there is to do


@dataclass(eq=False)
class EmbeddingPlan:
    """What is to be done, and what is not."""

    pending: list[PendingJob] = field(default_factory=list)  # to embed, in input order
    # results that are there already, made from just this
    finished: list[tuple[Job, Receipt]] = field(default_factory=list)
    unchecked: list[Job] = field(default_factory=list)  # results that are there without a receipt; kept
    refused: list[tuple[Job, InputError]] = field(default_factory=list)  # inputs that cannot be read

    def doubts(self) -> list[str]:
        """Say what a person should look at, for whoever carries this out to pass on."""
        return [
            f"{pending.job.label} looks like nucleotides; a protein model reads A, C, G and T as amino acids"
            for pending in self.pending
            if pending.survey.looks_like_nucleotides and _molecule_of(pending.provenance) is Molecule.PROTEIN
        ]


def make_jobs(
    sources: Sequence[Path], outdir: Path, molecule: Molecule = Molecule.PROTEIN, spool: Path | None = None
) -> list[Job]:
    """Name the result of every input: ``x.faa.gz`` gives ``OUTDIR/x_ESM.pt``, as DNA ``OUTDIR/x_DNABERT_S.pt``."""
    suffix = {Molecule.PROTEIN: PROTEIN_SUFFIX, Molecule.DNA: DNA_SUFFIX}[molecule]
    jobs = [
        Job(source, outdir / f"{sequence_stem(source)}{suffix}", "-" if source == spool else str(source))
        for source in sources
    ]
    problems = source_problems([Source(job.source, job.label) for job in jobs])
    by_target: dict[Path, list[str]] = {}
    for job in jobs:
        by_target.setdefault(job.target, []).append(job.label)
    problems += [
        f"{' and '.join(labels)} would both give {target}" for target, labels in by_target.items() if len(labels) > 1
    ]
    if problems:
        raise ConfigError("; ".join(problems))
    return jobs


def look_at_inputs(jobs: Sequence[Job], limits: Limits, overwrite: bool = False) -> Inputs:
    """Read every input once, before any weights are asked for."""
    inputs = Inputs()
    for job in jobs:
        try:
            identity = identify_input(job.source, job.label)
            survey = _survey(job, limits) if overwrite or not job.target.exists() else None
            inputs.seen.append((job, identity, survey))
        except InputError as error:
            inputs.refused.append((job, error))
    return inputs


def compare_with_results(
    inputs: Inputs, model: ModelIdentity, placement: Placement, limits: Limits, overwrite: bool = False
) -> EmbeddingPlan:
    """Decide what to do with every input, before anything is computed."""
    # everything that decides the vectors: the number format does, device and batch budget do not
    settings = {"dtype": placement.dtype_name, "max_residues": limits.max_residues}
    plan, conflicts = EmbeddingPlan(refused=list(inputs.refused)), []
    for job, identity, survey in inputs.seen:
        provenance = Provenance(identity, model, settings)
        try:
            state, receipt = (State.ABSENT, None) if overwrite else examine(job.target, provenance)
            if receipt is not None:
                plan.finished.append((job, receipt))
            elif state is State.UNCHECKED:
                plan.unchecked.append(job)
            else:
                plan.pending.append(PendingJob(job, provenance, survey or _survey(job, limits)))
        except InputError as error:
            plan.refused.append((job, error))
        except StoreError as error:
            conflicts.append(str(error))
    if conflicts:
        raise StoreError("\n".join(conflicts))
    return plan


def plan_embedding(
    jobs: Sequence[Job], model: ModelIdentity, placement: Placement, limits: Limits, overwrite: bool = False
) -> EmbeddingPlan:
    """Look at inputs and results in one go, for callers that have the model already; doubts are logged."""
    inputs = look_at_inputs(jobs, limits, overwrite)
    plan = compare_with_results(inputs, model, placement, limits, overwrite)
    for doubt in plan.doubts():
        logger.warning("%s", doubt)
    return plan


def _molecule_of(provenance: Provenance) -> Molecule | None:
    return provenance.model.molecule if provenance.model else None


def _survey(job: Job, limits: Limits) -> Survey:
    """Read a whole file once: finds what is wrong with it before any work, and how much there is to do."""
    records = nucleotides = residues = 0
    for record in read_records(job.source, job.label):
        records += 1
        used = record.sequence[: limits.max_residues]
        residues += len(used)
        nucleotides += looks_like_nucleotides(used.upper().encode("ascii", "replace"))
    if not records:
        raise InputError(f"{job.label}: holds no sequences")
    return Survey(residues, nucleotides > records / 2)
