"""Reads and contigs in, scores of all their frames out, part by part.

Scores are computed part by part and kept as files of their own, so that a run that was killed goes on behind its last
part. The tables are made from those files at the end. At no time is more in memory than one part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from virnucpro.features.classifier import Classifier, load_classifier, packaged_classifier
from virnucpro.features.spec import FeatureSpec
from virnucpro.models.catalog import MINI
from virnucpro.models.memory import return_free_memory
from virnucpro.records import Counts, Failure, ModelIdentity
from virnucpro.runs.failures import append_failures, replace_failures
from virnucpro.runs.manifests import Provenance, Receipt, State, examine, failure_details, write_result
from virnucpro.scoring.scores import PartScores
from virnucpro.sequences.frames import FRAME_NAMES
from virnucpro.verbs.frame_encoders import ChosenEncoders
from virnucpro.verbs.frame_features import FrameEncoders, embed_frames
from virnucpro.verbs.framing import FramePart, frame_parts
from virnucpro.verbs.part_files import (
    FrameSettings,
    begin_anew,
    combine_identities,
    part_provenance,
    refuse_parts,
)
from virnucpro.verbs.row_kinds import RowKinds
from virnucpro.verbs.sources import Source, identify_sources, read_sources

__all__ = [
    "PredictionJob",
    "PredictionReport",
    "find_classifier",
    "prediction_job",
    "score_parts",
]

PARTS_FOLDER = "parts"


@dataclass(frozen=True, eq=False)
class PredictionJob:
    """What is to be predicted, with what, and where to."""

    sources: Sequence[Source]  # reads and contigs
    outdir: Path  # folder of the results
    settings: FrameSettings  # windows, genetic code, batches
    classifier: Classifier  # checked against `spec` already
    spec: FeatureSpec  # what the features will be
    provenance: Provenance  # inputs, encoders and classifier; what every part is made from

    def part_path(self, number: int) -> Path:
        """Name the file of a part's scores."""
        return self.outdir / PARTS_FOLDER / f"scores_{number:06}.npz"

    def parts_there(self) -> set[Path]:
        """Find the parts that are there, whatever run made them."""
        return set((self.outdir / PARTS_FOLDER).glob(f"scores_{'[0-9]' * 6}*.npz"))


@dataclass(eq=False)
class PredictionReport:
    """What a prediction came to."""

    parts: int = 0  # parts in all, and those computed in this run
    computed_parts: int = 0  # parts in all, and those computed in this run
    windows: Counter[str] = field(default_factory=Counter)  # windows by outcome
    kinds: RowKinds = field(default_factory=RowKinds)  # windows by what stands for them
    frames: int = 0  # frames with scores, and frames that an encoder could not embed
    failed_frames: int = 0  # frames with scores, and frames that an encoder could not embed
    calls: Counter[str] = field(default_factory=Counter)  # records by call and by status
    statuses: Counter[str] = field(default_factory=Counter)  # records by call and by status
    tracks: int = 0  # contigs with two scored windows or more, and those drawn
    drawn_tracks: int = 0  # contigs with two scored windows or more, and those drawn


def find_classifier(classifier: str) -> Classifier:
    """Load a classifier from the package or from its file."""
    return packaged_classifier() if classifier == MINI else load_classifier(classifier)


def prediction_job(
    sources: Sequence[Source], outdir: Path, settings: FrameSettings, classifier: Classifier, encoders: ChosenEncoders
) -> PredictionJob:
    """Describe a prediction, and check that classifier and encoders belong together."""
    spec = encoders.spec(settings.window_bp, settings.frames)
    classifier.require(spec)
    scorer = ModelIdentity(classifier.name, None, classifier.sha256)
    model = combine_identities(encoders.identities | {"classifier": scorer})
    provenance = Provenance(identify_sources(sources), model, settings.decisive())
    return PredictionJob(sources, outdir, settings, classifier, spec, provenance)


def score_parts(
    job: PredictionJob,
    encoders: Callable[[], FrameEncoders],
    on_progress: Callable[[int], None],
    overwrite: bool = False,
) -> PredictionReport:
    """Score every frame, part by part; parts that are there, made from just this, are not computed again."""
    if overwrite:
        begin_anew(job.parts_there(), job.outdir, job.provenance.input.path)
    report = PredictionReport()
    failures: list[Failure] = []
    records = read_sources(job.sources)
    settings = job.settings
    for part in frame_parts(records, settings.window_bp, settings.genetic_code, rule=settings.frames):
        receipt = None if overwrite else _finished(job, part)
        if receipt is None:
            receipt = _score(job, part, encoders())
            report.computed_parts += 1
        report.parts += 1
        report.frames += receipt.counts.written
        report.failed_frames += receipt.counts.failed
        failures += receipt.failures
        report.windows.update(window.outcome.word for window in part.windows)
        report.kinds.add(part)
        on_progress(part.bases)
        del part  # or it would be held while the next one is made
        return_free_memory()
    refuse_parts(job.parts_there() - {job.part_path(number) for number in range(1, report.parts + 1)})
    if report.computed_parts:  # the log says it in file order, and each once, whatever was tried before
        replace_failures(job.outdir, job.provenance.input.path, failures)
    return report


def _finished(job: PredictionJob, part: FramePart) -> Receipt | None:
    """Find the receipt of a part that is there already, made from just this."""
    state, receipt = examine(job.part_path(part.number), part_provenance(job.provenance, part))
    return receipt if state is State.FINISHED else None


def _score(job: PredictionJob, part: FramePart, encoders: FrameEncoders) -> Receipt:
    """Embed and score one part and write its file; failures go to the log first."""
    features = embed_frames(part, encoders, job.settings.limits, lambda _: None)
    numbers = job.classifier.own_columns(features.table, job.spec)
    rows = features.frame_rows
    frames = [part.frames[row] for row in rows]
    windows = part.windows
    table = PartScores(
        record_numbers=np.array([window.record_number for window in windows], np.int64),
        numbers=np.array([window.number for window in windows], np.int64),
        starts=np.array([window.start for window in windows], np.int64),
        ends=np.array([window.end for window in windows], np.int64),
        outcomes=np.array([window.outcome for window in windows], np.uint8),
        window_rows=np.array([frame.window_row for frame in frames], np.int64),
        frame_indices=np.array([FRAME_NAMES.index(frame.id[-2:]) for frame in frames], np.uint8),
        scores=job.classifier.score(numbers),
        log_odds=job.classifier.log_odds(numbers) if job.classifier.calibration is not None else None,
    )
    append_failures(job.outdir, job.provenance.input.path, features.failures)
    counts = Counts(read=len(part.frames), written=len(frames), failed=len(features.failures))
    provenance = part_provenance(job.provenance, part)
    details = {"device": job.settings.placement.describe(), "failures": failure_details(features.failures)}
    receipt = Receipt(provenance, counts, details)
    return write_result(job.part_path(part.number), lambda stream: _save(stream, table), receipt)


def _save(stream: BinaryIO, table: PartScores) -> None:
    np.savez(stream, **table.columns())  # type: ignore[arg-type]
