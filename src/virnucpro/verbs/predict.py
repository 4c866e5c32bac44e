"""``predict``: reads and contigs in, a call for every one of them out."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from virnucpro.errors import ConfigError, counted
from virnucpro.models.catalog import MINI
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.engine import execute
from virnucpro.runs.files import require_no_link
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.run import Job, Outcome, Run, Source, State
from virnucpro.scoring.call_warnings import AMBIGUOUS_SHARE
from virnucpro.sequences.in_memory import SequencesInMemory
from virnucpro.verbs.calling import Calling
from virnucpro.verbs.inputs import PathLike, Sequences, require_once, sort_inputs
from virnucpro.verbs.predict_settings import PredictSettings
from virnucpro.verbs.prediction import TABLES, Prediction, SampleCalls, read_tables
from virnucpro.verbs.samples import Sample, require_files, samples_of_files
from virnucpro.verbs.settings import with_options
from virnucpro.verbs.summary import require_folder_of_samples, write_summary
from virnucpro.writers.tally import COUNTED

__all__ = ["predict"]

MANIFEST = "run.json"
OF_MEMORY = "sequences"
"""The sample that sequences in memory are."""

logger = logging.getLogger("virnucpro.predict")

Planned = tuple[Sample, Sequence[Source]]


def predict(
    inputs: Sequences | Sequence[Sample],
    outdir: PathLike | None = None,
    settings: PredictSettings | None = None,
    *,
    model: PathLike | None = None,
    paired: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    stdin: Path | None = None,
    command: str | None = None,
    distribution: Distribution | None = None,
    **options: Any,  # noqa: ANN401
) -> Prediction:
    """Call every sequence viral or non-viral.

    With `outdir`, results are files, and the same call continues after an interruption; finished results are kept.
    Without it, results are in memory only.

    Parameters
    ----------
    inputs : sequences, paths or samples
        Reads or contigs: text, a list of texts, a dict from names to texts, pairs of name and text, or records of
        dnaio, Biopython or scikit-bio. Or paths of FASTA, FASTQ or GenBank files, plain or compressed with gz, bz2,
        xz or zst; each of several files is a sample of its own. Text that is not just letters, or that names an
        existing file, is a path. Or `Sample` objects.
    outdir : path, optional
        Folder for ``calls.tsv`` (one row per record, in input order), ``viral.fasta``, tables of windows and regions,
        ``report.html`` and ``run.json``, which is written last. Several samples, or those given as `Sample`, have a
        folder each in it, with ``summary.tsv`` and a common ``report.html`` beside them.
    settings : PredictSettings, optional
        Classifier, encoders, windows, thresholds, outputs, device.
    model : path, optional
        The classifier: ``"mini"``, which is the default, or a file from `train`.
    paired : bool, default: False
        Whether paths are first and second mates in turn; mates are called together.
    overwrite : bool, default: False
        Recompute everything, ignoring existing results.
    progress : callable, optional
        Called with a `Progress` after every batch.
    stdin : path, optional
        The input that messages call "-".
    command : str, optional
        The command line, for ``run.json``.
    distribution : Distribution, optional
        Shards, devices and workers. By default this process computes everything.
    **options
        Single settings by name, such as ``min_length_bp=50``; see `PredictSettings`.

    Returns
    -------
    Prediction
        A table with one row per record, in input order, and tables of windows and regions.

    Raises
    ------
    InputError
        If an input cannot be read, mates do not match, or an input changes while it is read. One of several samples
        costs no other its results.
    ConfigError
        If settings exclude each other or do not suit the classifier.
    WeightsError
        If weights are missing or damaged.
    StoreError
        If the folder holds results of something else, or cannot be written.

    Examples
    --------
    >>> from virnucpro import predict
    >>> predict({"c1": "ACGTTGCA" * 100, "c2": "ACG"}, device="cpu")["status"].tolist()
    ['scored', 'too_short']
    >>> calls = predict("contigs.fasta", "calls", model="own.safetensors")  # doctest: +SKIP
    """
    if model is not None:
        options["classifier"] = str(model)
    settings = with_options(settings or PredictSettings(), options)
    if outdir is None:
        settings = replace(settings, outputs=TABLES, figures=(), single_windows=True)
    job = Calling.of(settings)
    planned, apart = _planned(inputs, paired, stdin)
    jobs = [job.of_sample(sample, sources, command, in_memory=outdir is None) for sample, sources in planned]
    how = distribution or Distribution()
    if outdir is None:
        if how.shard:
            raise ConfigError("shards share a folder of results; name one by `outdir`")
        return _in_memory(jobs, progress, how)
    return _in_files(jobs, Path(outdir), apart, overwrite, progress, how)


def _in_files(
    jobs: Sequence[Calling], outdir: Path, apart: bool, overwrite: bool, progress: ProgressCallback | None,
    distribution: Distribution,
) -> Prediction:  # fmt: skip
    """Finish all samples, each in a folder of its own if they are `apart`."""
    if apart:
        require_folder_of_samples(outdir)
    folders = [outdir / job.facts.sample if apart else outdir for job in jobs]
    for folder in folders if apart else ():
        require_no_link(folder)
    runs = [_run(job, folder) for job, folder in zip(jobs, folders, strict=True)]
    outcomes = execute(runs, overwrite=overwrite, strict=not apart, progress=progress, distribution=distribution)
    samples = _samples(jobs, outcomes)
    _warn_of_ambiguous(outcomes)
    for job, outcome in zip(jobs, outcomes, strict=True):
        _warn_of_others(job, outcome)
    if apart and all(outcome.state is not State.INCOMPLETE for outcome in outcomes):
        write_summary(outdir, [(one.name, one.outcome) for one in samples], overwrite, distribution.stale_after_s)
    return Prediction(partial(read_tables, folders), samples, outdir, jobs[0].facts.device)


def _in_memory(jobs: Sequence[Calling], progress: ProgressCallback | None, distribution: Distribution) -> Prediction:
    """Call all samples; an error of one is an error of the call. Parts are in a temporary folder meanwhile."""
    with tempfile.TemporaryDirectory(prefix="virnucpro-") as folder:
        runs = [_run(job, Path(folder) / job.facts.sample) for job in jobs]
        outcomes = execute(runs, strict=True, progress=progress, distribution=distribution)
    _warn_of_ambiguous(outcomes)
    tables = [job.facts.tables or {} for job in jobs]
    return Prediction(
        lambda stem: [one[stem] for one in tables if stem in one],
        _samples(jobs, outcomes, in_memory=True),
        None,
        jobs[0].facts.device,
    )


def _warn_of_ambiguous(outcomes: Sequence[Outcome]) -> None:
    """Warn of records with many ambiguous letters, once for every sample."""
    for outcome in outcomes:
        counts: Mapping[str, Any] = outcome.manifest.counts if outcome.manifest else {}
        if many := counts.get("ambiguous_records"):
            noun = "pair" if outcome.run.output_settings["paired"] else "record"
            logger.warning(
                "%s: in %s of %s, at least %.0f %% of the letters are not A, C, G, T or U; such letters can hide "
                "a virus, so 'non-viral' says little about these records; 'ambiguous_letters' in the column warnings "
                "marks them",
                outcome.run.label, f"{many:,}", counted(counts["records"], noun), 100 * AMBIGUOUS_SHARE,
            )  # fmt: skip


def _warn_of_others(job: Calling, outcome: Outcome) -> None:
    """Warn of results in the folder that are not of this run."""
    if outcome.manifest is None:
        return
    outdir, ours = outcome.run.outdir, {one.path for one in outcome.manifest.results}
    if others := [name for name in job.all_files() if name not in ours and os.path.lexists(outdir / name)]:
        logger.warning(
            "%s also holds results that this run did not write and did not check: %s; move or remove them",
            outdir, ", ".join(others),
        )  # fmt: skip


def _samples(jobs: Sequence[Calling], outcomes: Sequence[Outcome], in_memory: bool = False) -> list[SampleCalls]:
    return [
        SampleCalls(job.facts.sample, outcome.run.outdir, outcome, in_memory)
        for job, outcome in zip(jobs, outcomes, strict=True)
    ]


def _planned(inputs: Any, paired: bool, stdin: Path | None) -> tuple[list[Planned], bool]:  # noqa: ANN401
    """Give samples with their open files, and whether each has a folder of its own."""
    several = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    samples = [one for one in several if isinstance(one, Sample)]
    if samples and (len(samples) < len(several) or paired):
        raise ConfigError("samples say themselves which files they have; give no paths beside them, nor `paired`")
    apart = bool(samples)
    if not samples:
        found = sort_inputs(inputs)
        if isinstance(found, SequencesInMemory):
            if paired:
                raise ConfigError("paired is for files: a first and a second one in turn")
            return [(Sample(OF_MEMORY, ()), [found])], False
        require_files(found)
        samples = samples_of_files(found, paired, stdin)
        apart = len(samples) > 1
    require_once([file for sample in samples for file in sample.files])
    return [(sample, sample.open(stdin)) for sample in samples], apart


def _run(job: Calling, outdir: Path) -> Run:
    """Make the run of one sample."""
    settings = job.settings
    return Run(
        "calls", job.sources, outdir, MANIFEST, job.files(), job.models(job.chosen.identities), job.described(), job,
        output_settings=job.shown(),
        keep_parts=True,
        counted=COUNTED | ({"regions": dict} if job.facts.has_regions else {}),
        also_read=[] if settings.classifier == MINI else [Path(settings.classifier)],
        rebuild=partial(_rebuilt, settings),
    )  # fmt: skip


def _rebuilt(settings: PredictSettings, device: str) -> tuple[Job, Mapping[str, Any]]:
    """Make the job of a worker, which computes parts of any sample."""
    job = Calling.of(replace(settings, device=device))
    return job, job.described()
