"""A classifier and feature folders in; figures as JSON, as a table and as pictures out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro import __version__
from virnucpro.errors import ConfigError, StoreError
from virnucpro.evaluation.evaluate import LEVELS, Evaluation, ScoredRows, evaluate_rows
from virnucpro.models.classifier import Classifier, load_classifier
from virnucpro.pipeline.train import make_split
from virnucpro.reporting.figures import (
    Line,
    Picture,
    draw_calibration,
    draw_precision_recall,
    draw_roc,
    draw_score_histogram,
)
from virnucpro.sequences.row_ids import number_sources
from virnucpro.store.atomic import whole_file
from virnucpro.store.rows import LabelledRows, open_labelled_rows

__all__ = ["EvaluationJob", "EvaluationPlan", "carry_out_evaluation", "plan_evaluation"]

ROWS_AT_A_TIME = 10_000
TABLE_COLUMNS = ("model", "window_bp", "modality", "rows_of", "level", "metric", "value", "low95", "high95")


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """What to measure, and on what.

    Attributes
    ----------
    model : Path
        The classifier's file.
    viral, host : Path
        Folders of ``*_merged.pt`` parts.
    outdir : Path
        Folder of the results.
    test_side : bool
        Measure only the rows that training set aside; the folders must be those of the training.
    draws : int
        Of the bootstrap.
    seed : int
        Of the bootstrap.
    """

    model: Path
    viral: Path
    host: Path
    outdir: Path
    test_side: bool = False
    draws: int = 1000
    seed: int = 42

    @property
    def report(self) -> Path:
        """The JSON file; written last, so that where it is, everything is."""
        return self.outdir / "evaluation.json"


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """A job whose inputs have been looked at.

    Attributes
    ----------
    job : EvaluationJob
        What to do.
    classifier : Classifier
        What is measured.
    rows : LabelledRows
        All rows of the folders.
    numbers : numpy.ndarray, shape (measured rows,), int64
        Which of them are measured.
    unchecked : list of str
        What of the contract could not be compared.
    seen_in_training : bool
        Whether the rows are those of the training, and not only its test side is measured.
    """

    job: EvaluationJob
    classifier: Classifier
    rows: LabelledRows
    numbers: NDArray[np.int64]
    unchecked: list[str]
    seen_in_training: bool


def plan_evaluation(job: EvaluationJob, overwrite: bool = False) -> EvaluationPlan:
    """Look at everything before anything is scored.

    Parameters
    ----------
    job : EvaluationJob
        What to do.
    overwrite : bool, default: False
        Replace results that are there.

    Returns
    -------
    EvaluationPlan
        Classifier and rows that go together.

    Raises
    ------
    StoreError
        If results are there already, or a part cannot be read.
    WeightsError
        If the classifier cannot be loaded.
    ConfigError
        If features are of another kind than the classifier's, or the test side is not to be had.
    DimensionError
        If features have another width.
    """
    if job.draws < 1:
        raise ConfigError(f"{job.draws} draws give no intervals; give 1 at least")
    if job.report.exists() and not overwrite:
        raise StoreError(f"{job.report} is there already; give another folder or add --overwrite")
    classifier = load_classifier(job.model)
    rows = open_labelled_rows(job.viral, job.host)
    unchecked = classifier.require(rows.contract)
    same_rows = classifier.training.get("row_ids_sha256") == rows.ids_sha256
    numbers = _test_side(classifier, rows, same_rows) if job.test_side else np.arange(len(rows))
    return EvaluationPlan(job, classifier, rows, numbers, unchecked, same_rows and not job.test_side)


def _test_side(classifier: Classifier, rows: LabelledRows, same_rows: bool) -> NDArray[np.int64]:
    """Split again as the training did."""
    training = classifier.training
    if not same_rows:
        raise ConfigError(
            f"{classifier.name} was not trained on just these rows, so which of them it set aside is not known; "
            "give the folders of its training, or leave --test-side out"
        )
    return make_split(rows, training["split"], training["test_share"], training["settings"]["seed"]).test


def carry_out_evaluation(plan: EvaluationPlan) -> list[Evaluation]:
    """Score, measure and write.

    Parameters
    ----------
    plan : EvaluationPlan
        From `plan_evaluation`.

    Returns
    -------
    list of Evaluation
        Of frames and of windows.

    Raises
    ------
    InputError
        If rows do not say which record they come from.
    StoreError
        If a file cannot be written.
    """
    job = plan.job
    scored = _score(plan)
    evaluations = [evaluate_rows(scored, level, job.draws, job.seed) for level in LEVELS]
    files = {"evaluation.tsv": _table(plan, evaluations)}
    for name, picture in _pictures(plan, scored, evaluations).items():
        files |= {f"{name}.png": picture.png, f"{name}.svg": picture.svg}
    files[job.report.name] = (json.dumps(_report(plan, evaluations), indent=1) + "\n").encode()
    job.report.unlink(missing_ok=True)
    for name, content in files.items():
        with whole_file(job.outdir / name) as stream:
            stream.write(content)
    return evaluations


def _score(plan: EvaluationPlan) -> ScoredRows:
    rows, numbers = plan.rows, plan.numbers
    records, windows = number_sources(rows.ids())
    columns = rows.contract.columns(plan.classifier.contract.modality)
    blocks = [numbers[start : start + ROWS_AT_A_TIME] for start in range(0, len(numbers), ROWS_AT_A_TIME)]
    scores = [plan.classifier.score(rows.gather(block, columns))[:, 1] for block in blocks]
    return ScoredRows(rows.labels[numbers], np.concatenate(scores), records[numbers], windows[numbers])


def _rows_of(plan: EvaluationPlan) -> str:
    """Whose rows were measured: what a reader of the figures must know."""
    if plan.job.test_side:
        return f"test side, split by {plan.classifier.training['split']}"
    return "training and test side" if plan.seen_in_training else "other rows"


def _report(plan: EvaluationPlan, evaluations: list[Evaluation]) -> dict[str, Any]:
    classifier = plan.classifier
    return {
        "format": 1,
        "model": {"path": str(plan.job.model), "sha256": classifier.sha256, "training": classifier.training},
        "features": plan.rows.contract.to_dict(),
        "modality": classifier.contract.modality,
        "rows_of": _rows_of(plan),
        "not_checked": plan.unchecked,
        "untrained_encoders": plan.rows.contract.untrained or classifier.contract.untrained,
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
            for found in evaluations
        ],
        "versions": {"virnucpro": __version__},
    }


def _table(plan: EvaluationPlan, evaluations: list[Evaluation]) -> bytes:
    """One line per level and metric; tables of several runs can be put one behind the other."""
    contract = plan.classifier.contract
    lines = ["\t".join(TABLE_COLUMNS)]
    for found in evaluations:
        for metric, value in found.figures.items():
            low, high = found.intervals[metric]
            cells = (
                plan.job.model.name, contract.window_bp or "NA", contract.modality, _rows_of(plan),
                found.level, metric, f"{value:.6f}", f"{low:.6f}", f"{high:.6f}",
            )  # fmt: skip
            lines.append("\t".join(map(str, cells)))
    return ("\n".join(lines) + "\n").encode()


def _pictures(plan: EvaluationPlan, scored: ScoredRows, evaluations: list[Evaluation]) -> dict[str, Picture]:
    title = f"{plan.job.model.name}: {_rows_of(plan)}"
    if plan.rows.contract.untrained:
        title += "\nuntrained encoders: these figures mean nothing"
    viral_share = evaluations[0].viral_rows / evaluations[0].rows
    return {
        "roc": draw_roc([Line(_named(e, "auroc"), e.roc.x, e.roc.y) for e in evaluations], title),
        "precision_recall": draw_precision_recall(
            [Line(_named(e, "auprc"), e.precision_recall.x, e.precision_recall.y) for e in evaluations],
            viral_share,
            title,
        ),
        "calibration": draw_calibration(list(_reliability_lines(evaluations)), title),
        "score_histogram": draw_score_histogram(
            scored.scores[scored.labels == 1], scored.scores[scored.labels == 0], f"{title}, frames"
        ),
    }


def _named(found: Evaluation, metric: str) -> str:
    low, high = found.intervals[metric]
    return f"{found.level}: {metric.upper()} {found.figures[metric]:.3f} ({low:.3f} to {high:.3f})"


def _reliability_lines(evaluations: list[Evaluation]) -> Iterator[Line]:
    for found in evaluations:
        points = [
            (stretch.mean_score, stretch.viral_share)
            for stretch in found.bins
            if stretch.mean_score is not None and stretch.viral_share is not None
        ]
        x, y = np.array(points, np.float64).T
        yield Line(found.level, x, y)
