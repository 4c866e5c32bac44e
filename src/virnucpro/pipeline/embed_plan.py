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
from virnucpro.models.placement import Placement
from virnucpro.pipeline.sources import Source, source_problems
from virnucpro.records import ModelIdentity, Molecule
from virnucpro.sequences.fasta import read_records, sequence_stem
from virnucpro.sequences.proteins import looks_like_nucleotides
from virnucpro.store.features import FORMATS
from virnucpro.store.receipts import InputIdentity, Provenance, Receipt, State, examine, identify_input

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
class Survey:
    """What reading a whole file once tells.

    Attributes
    ----------
    residues : int
        Residues that will be used; what cleaning removes is still counted.
    looks_like_nucleotides : bool
        Whether most of its sequences are made of A, C, G and T.
    """

    residues: int
    looks_like_nucleotides: bool


@dataclass(eq=False)
class Inputs:
    """What the inputs are, before any result or model is looked at.

    Attributes
    ----------
    seen : list of (Job, InputIdentity, Survey or None)
        Inputs that can be read; without a survey where a result is, which may be finished.
    refused : list of (Job, InputError)
        Inputs that cannot be read.
    """

    seen: list[tuple[Job, InputIdentity, Survey | None]] = field(default_factory=list)
    refused: list[tuple[Job, InputError]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A job that is to be done.

    Attributes
    ----------
    job : Job
        The files.
    provenance : Provenance
        What the result will be made from.
    survey : Survey
        How much there is to do.
    """

    job: Job
    provenance: Provenance
    survey: Survey


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

    def doubts(self) -> list[str]:
        """Say what a person should look at, for whoever carries this out to pass on.

        Returns
        -------
        list of str
            A line for every pending file that a protein model would read as nucleotides.
        """
        return [
            f"{pending.job.label} looks like nucleotides; a protein model reads A, C, G and T as amino acids"
            for pending in self.pending
            if pending.survey.looks_like_nucleotides and _molecule_of(pending.provenance) is Molecule.PROTEIN
        ]


def make_jobs(
    sources: Sequence[Path], outdir: Path, molecule: Molecule = Molecule.PROTEIN, spool: Path | None = None
) -> list[Job]:
    """Name the result of every input: ``x.faa.gz`` gives ``OUTDIR/x_ESM.pt``, as DNA ``OUTDIR/x_DNABERT_S.pt``.

    Parameters
    ----------
    sources : sequence of Path
        Sequence files.
    outdir : Path
        Folder of the results.
    molecule : Molecule, default: Molecule.PROTEIN
        What the model reads.
    spool : Path, optional
        The source that standard input was put into; it is called "-".

    Returns
    -------
    list of Job
        In the same order.

    Raises
    ------
    ConfigError
        If an input does not exist or is no regular file, or two would give the same result; names all of them.
    """
    suffix = FORMATS[molecule].suffix
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
    """Read every input once, before any weights are asked for.

    Parameters
    ----------
    jobs : sequence of Job
        The files.
    limits : Limits
        Residues per sequence.
    overwrite : bool, default: False
        Survey those as well whose result is there.

    Returns
    -------
    Inputs
        Every job in exactly one of its lists.
    """
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
    """Decide what to do with every input, before anything is computed.

    Parameters
    ----------
    inputs : Inputs
        From `look_at_inputs`.
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
    """Look at inputs and results in one go, for callers that have the model already; doubts are logged.

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
