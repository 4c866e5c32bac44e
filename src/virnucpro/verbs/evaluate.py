"""Classifiers and feature folders in; figures as JSON, as one table and as pictures out.

Several classifiers are measured in one run, each on the folders of its own window: so they are compared by window
length and by modality.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro import __version__
from virnucpro.errors import ConfigError, DimensionError, StoreError
from virnucpro.evaluation.evaluate import LEVELS, Evaluation, ScoredRows, evaluate_rows
from virnucpro.features.classifier import Classifier, load_classifier
from virnucpro.features.rows import LabelledRows, open_labelled_rows
from virnucpro.runs.files import whole_file
from virnucpro.sequences.row_ids import number_sources
from virnucpro.verbs.train import make_split
from virnucpro.writers.figures import (
    Line,
    Picture,
    draw_calibration,
    draw_precision_recall,
    draw_roc,
    draw_score_histogram,
)

__all__ = ["EvaluationJob", "EvaluationPlan", "Measured", "carry_out_evaluation", "plan_evaluation"]

ROWS_AT_A_TIME = 10_000
TABLE_COLUMNS = ("model", "window_bp", "modality", "rows_of", "level", "metric", "value", "low95", "high95")


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """What to measure, and on what."""

    models: tuple[Path, ...]  # files of classifiers
    # folders of viral and of host ``*_merged.pt`` parts, one pair for every window length
    folders: tuple[tuple[Path, Path], ...]
    outdir: Path  # folder of the results
    test_side: bool = False  # measure only the rows that training set aside; the folders must be those of the training
    draws: int = 1000  # of the bootstrap
    seed: int = 42  # of the bootstrap

    @property
    def report(self) -> Path:
        """The JSON file; written last, so that where it is, everything is."""
        return self.outdir / "evaluation.json"


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """One classifier and the rows that it is measured on."""

    job: EvaluationJob  # what it is part of
    name: str  # what tables and pictures call the classifier
    classifier: Classifier  # what is measured
    rows: LabelledRows  # all rows of its folders
    numbers: NDArray[np.int64]  # (measured rows,) Which of them are measured
    unchecked: list[str]  # what of the spec could not be compared
    seen_in_training: bool  # whether the rows are those of the training, and not only its test side is measured


@dataclass(frozen=True, eq=False)
class Measured:
    """What came of one plan."""

    plan: EvaluationPlan  # the plan
    scored: ScoredRows  # scores of its rows
    evaluations: list[Evaluation]  # of frames and of windows


def plan_evaluation(job: EvaluationJob, overwrite: bool = False) -> list[EvaluationPlan]:
    """Look at everything before anything is scored."""
    if job.draws < 1:
        raise ConfigError(f"{job.draws} draws give no intervals; give 1 at least")
    if job.report.exists() and not overwrite:
        raise StoreError(f"{job.report} is there already; give another folder or add --overwrite")
    names = [model.name for model in job.models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"several classifiers are called {', '.join(twice)}; tables could not tell them apart")
    classifiers = [load_classifier(model) for model in job.models]
    opened = [open_labelled_rows(viral, host) for viral, host in job.folders]
    return [
        _plan(job, name, classifier, _rows_for(classifier, opened, job))
        for name, classifier in zip(names, classifiers, strict=True)
    ]


def _rows_for(classifier: Classifier, opened: list[LabelledRows], job: EvaluationJob) -> LabelledRows:
    """Find the one pair of folders that fits a classifier."""
    fitting, refusals = [], []
    for rows, (viral, host) in zip(opened, job.folders, strict=True):
        try:
            classifier.require(rows.spec)
            fitting.append(rows)
        except (ConfigError, DimensionError) as error:
            refusals.append((f"{viral} and {host}", error))
    if len(fitting) > 1:
        raise ConfigError(f"{classifier.name} fits {len(fitting)} pairs of folders; give one pair for a window length")
    if fitting:
        return fitting[0]
    if len(refusals) == 1:
        raise refusals[0][1]
    raise ConfigError("\n".join(f"{folders}: {error}" for folders, error in refusals))


def _plan(job: EvaluationJob, name: str, classifier: Classifier, rows: LabelledRows) -> EvaluationPlan:
    same_rows = classifier.training.get("row_ids_sha256") == rows.ids_sha256
    numbers = _test_side(classifier, rows, same_rows) if job.test_side else np.arange(len(rows))
    unchecked = classifier.require(rows.spec)
    return EvaluationPlan(job, name, classifier, rows, numbers, unchecked, same_rows and not job.test_side)


def _test_side(classifier: Classifier, rows: LabelledRows, same_rows: bool) -> NDArray[np.int64]:
    """Split again as the training did."""
    training = classifier.training
    if not same_rows:
        raise ConfigError(
            f"{classifier.name} was not trained on just these rows, so which of them it set aside is not known; "
            "give the folders of its training, or leave --test-side out"
        )
    return make_split(rows, training["split"], training["test_share"], training["settings"]["seed"]).test


def carry_out_evaluation(plans: Sequence[EvaluationPlan]) -> Iterator[Measured]:
    """Score and measure one classifier after the other; write when all are done."""
    job, done = plans[0].job, []
    for plan in plans:
        scored = _score(plan)
        done.append(Measured(plan, scored, [evaluate_rows(scored, level, job.draws, job.seed) for level in LEVELS]))
        yield done[-1]
    files = {"evaluation.tsv": _table(done)}
    for measured in done:
        folder = f"{Path(measured.plan.name).stem}/" if len(done) > 1 else ""
        files |= _image_files(folder, _pictures(measured))
    if len(done) > 1:
        files |= _image_files("", _comparison(done))
    report = {"format": 2, "models": [_report(measured) for measured in done], "versions": {"virnucpro": __version__}}
    files[job.report.name] = (json.dumps(report, indent=1) + "\n").encode()
    job.report.unlink(missing_ok=True)
    for name, content in files.items():
        with whole_file(job.outdir / name) as stream:
            stream.write(content)


def _image_files(folder: str, pictures: dict[str, Picture]) -> dict[str, bytes]:
    return {
        f"{folder}{name}.{kind}": content
        for name, picture in pictures.items()
        for kind, content in (("png", picture.png), ("svg", picture.svg))
    }


def _score(plan: EvaluationPlan) -> ScoredRows:
    rows, numbers = plan.rows, plan.numbers
    records, windows = number_sources(rows.ids())
    columns = rows.spec.columns(plan.classifier.spec.modality)
    blocks = [numbers[start : start + ROWS_AT_A_TIME] for start in range(0, len(numbers), ROWS_AT_A_TIME)]
    scores = [plan.classifier.score(rows.gather(block, columns))[:, 1] for block in blocks]
    return ScoredRows(rows.labels[numbers], np.concatenate(scores), records[numbers], windows[numbers])


def _rows_of(plan: EvaluationPlan) -> str:
    """Whose rows were measured: what a reader of the figures must know."""
    if plan.job.test_side:
        return f"test side, split by {plan.classifier.training['split']}"
    return "training and test side" if plan.seen_in_training else "other rows"


def _report(measured: Measured) -> dict[str, Any]:
    plan, classifier = measured.plan, measured.plan.classifier
    return {
        "model": {"path": classifier.name, "sha256": classifier.sha256, "training": classifier.training},
        "features": plan.rows.spec.to_dict(),
        "modality": classifier.spec.modality,
        "rows_of": _rows_of(plan),
        "not_checked": plan.unchecked,
        "bootstrap": {"draws": plan.job.draws, "seed": plan.job.seed, "unit": "record, within its class"},
        "evaluations": [
            {
                "level": found.level,
                "rows": found.rows,
                "viral_rows": found.viral_rows,
                "records": found.records,
                "figures": found.figures,
                "intervals_95": found.intervals,
                "confusion": {key: int(value) for key, value in asdict(found.confusion).items()},
                "reliability": [asdict(stretch) for stretch in found.bins],
            }
            for found in measured.evaluations
        ],
    }


def _table(done: Sequence[Measured]) -> bytes:
    """One line per classifier, level and metric."""
    lines = ["\t".join(TABLE_COLUMNS)]
    for measured in done:
        plan, spec = measured.plan, measured.plan.classifier.spec
        about = (plan.name, spec.window_bp or "NA", spec.modality, _rows_of(plan))
        for found in measured.evaluations:
            for metric, value in found.figures.items():
                numbers = (f"{number:.6f}" for number in (value, *found.intervals[metric]))
                lines.append("\t".join(map(str, (*about, found.level, metric, *numbers))))
    return ("\n".join(lines) + "\n").encode()


def _pictures(measured: Measured) -> dict[str, Picture]:
    plan, scored, evaluations = measured.plan, measured.scored, measured.evaluations
    title = f"{plan.name}: {_rows_of(plan)}"
    viral_share = evaluations[0].viral_rows / evaluations[0].rows
    return {
        "roc": draw_roc([_roc_line(e.level, e) for e in evaluations], title),
        "precision_recall": draw_precision_recall([_recall_line(e.level, e) for e in evaluations], viral_share, title),
        "calibration": draw_calibration(list(_reliability_lines(evaluations)), title),
        "score_histogram": draw_score_histogram(
            scored.scores[scored.labels == 1], scored.scores[scored.labels == 0], f"{title}, frames"
        ),
    }


def _comparison(done: Sequence[Measured]) -> dict[str, Picture]:
    """All classifiers in one picture, by their windows."""
    level = LEVELS[-1]
    ends = [(measured.plan.name, measured.evaluations[-1]) for measured in done]
    shares = [found.viral_rows / found.rows for _, found in ends]
    title = f"{len(done)} classifiers, by {level}"
    return {
        "roc": draw_roc([_roc_line(name, found) for name, found in ends], title),
        "precision_recall": draw_precision_recall(
            [_recall_line(name, found) for name, found in ends], sum(shares) / len(shares), title
        ),
    }


def _roc_line(name: str, found: Evaluation) -> Line:
    return Line(f"{name}: {_with_interval(found, 'auroc')}", found.roc.x, found.roc.y)


def _recall_line(name: str, found: Evaluation) -> Line:
    return Line(f"{name}: {_with_interval(found, 'auprc')}", found.precision_recall.x, found.precision_recall.y)


def _with_interval(found: Evaluation, metric: str) -> str:
    low, high = found.intervals[metric]
    return f"{metric.upper()} {found.figures[metric]:.3f} ({low:.3f} to {high:.3f})"


def _reliability_lines(evaluations: list[Evaluation]) -> Iterator[Line]:
    for found in evaluations:
        points = [
            (stretch.mean_score, stretch.viral_share)
            for stretch in found.bins
            if stretch.mean_score is not None and stretch.viral_share is not None
        ]
        x, y = np.array(points, np.float64).T
        yield Line(found.level, x, y)
