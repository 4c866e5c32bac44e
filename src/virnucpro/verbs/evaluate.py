"""``evaluate``: classifiers and labelled features in; metrics as JSON and a table, and figures, out.

Several classifiers are measured in one run, each on the folders of its own windows and encoders.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro import __version__
from virnucpro.errors import ConfigError, DimensionError, StoreError, counted
from virnucpro.evaluation.evaluate import Evaluation, evaluate_by_length, evaluate_units
from virnucpro.evaluation.levels import ScoredRows, ScoredUnits, units_of
from virnucpro.features.classifier import Classifier, load_classifier
from virnucpro.features.rows import LabelledRows, open_labelled_rows
from virnucpro.runs.files import require_writable, whole_file
from virnucpro.scoring.calibration import Calibration
from virnucpro.sequences.row_ids import number_sources
from virnucpro.verbs.train import make_split, score_blocks
from virnucpro.writers.figures import Picture, draw_comparison, draw_evaluation

__all__ = [
    "EvaluateSettings", "EvaluationPlan", "EvaluationResult", "ModelEvaluation", "evaluate", "plan_evaluation",
    "run_evaluation",
]  # fmt: skip

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]

FORMAT = 3
REPORT, TABLE = "evaluation.json", "evaluation.tsv"
TABLE_COLUMNS = (
    "model", "window_bp", "modality", "rows_of", "unit", "length_bp", "viral", "non_viral", "records", "metric",
    "value", "low95", "high95",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """Settings of `evaluate`.

    Attributes
    ----------
    test_part : bool
        Measure only the records that training held out; the folders must be those of the training.
    draws : int
        Bootstrap draws for the confidence intervals.
    seed : int
        Random seed for the bootstrap.
    """

    test_part: bool = False
    draws: int = 1000
    seed: int = 42

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ConfigError(f"draws is {self.draws}, and must be at least 1")


@dataclass(frozen=True, eq=False)
class PlannedModel:
    """One classifier and the rows that it is measured on."""

    name: str  # its name in tables and figures
    classifier: Classifier
    calibration: Calibration | None
    rows: LabelledRows  # of its pair of folders
    numbers: NDArray[np.int64]  # the measured rows
    rows_of: str  # "other records", "test part, split by record", "training and test parts"
    unchecked: list[str]  # parts of the feature spec that could not be compared
    warnings: list[str]


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """An evaluation whose inputs and output have been checked."""

    outdir: Path
    settings: EvaluateSettings
    models: list[PlannedModel]


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """Metrics of one classifier.

    Attributes
    ----------
    name : str
        Name of the classifier's file.
    classifier : Classifier
        As loaded.
    rows_of : str
        Which records were measured: other records, the test part, or those of the training.
    evaluations : list of Evaluation
        ORFs, windows and records of all lengths, then windows and records by length.
    warnings : list of str
        What limits the metrics; also logged.
    """

    name: str
    classifier: Classifier
    rows_of: str
    evaluations: list[Evaluation]
    warnings: list[str]

    def overall(self) -> list[Evaluation]:
        """ORFs, windows and records of all lengths."""
        return self.evaluations[:3]

    def by_length(self, unit: str) -> list[Evaluation]:
        """Length bins of windows or of records."""
        return [found for found in self.evaluations[3:] if found.unit == unit]


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Result of `evaluate`.

    Attributes
    ----------
    models : list of ModelEvaluation
        One per classifier, in the order given.
    files : list of pathlib.Path
        Everything that was written.
    """

    models: list[ModelEvaluation]
    files: list[Path]


def evaluate(
    models: PathLike | Sequence[PathLike],
    viral: PathLike | Sequence[PathLike],
    non_viral: PathLike | Sequence[PathLike],
    outdir: PathLike,
    settings: EvaluateSettings | None = None,
    overwrite: bool = False,
    on_model: Callable[[ModelEvaluation], None] = lambda _: None,
) -> EvaluationResult:
    """Measure classifiers on labelled features.

    Writes ``evaluation.json``, ``evaluation.tsv``, and figures as PNG and SVG. Every metric is given for ORFs, windows
    and records, and for windows and records by length, with a 95 % interval of a bootstrap over records. Windows and
    records are scored and called as `virnucpro predict` does, with the classifier's calibration where it has one.

    Parameters
    ----------
    models : path or sequence of path
        Files of classifiers.
    viral, non_viral : path or sequence of path
        Folders of ``*_merged.pt`` files: one pair for each window length or kind of features.
    outdir : path
        Folder of the results.
    settings : EvaluateSettings, optional
        Which rows to measure, and the bootstrap.
    overwrite : bool, default: False
        Replace existing results.
    on_model : callable, optional
        Called with each `ModelEvaluation` when it is measured.

    Returns
    -------
    EvaluationResult
        Metrics by classifier, and the files written.

    Raises
    ------
    ConfigError
        If no pair of folders fits a classifier, or the test part is not known.
    DimensionError
        If features have another width than a classifier takes.
    InputError
        If a row ID does not name its record, or a file has the other label.
    WeightsError
        If a classifier cannot be read.
    StoreError
        If a file cannot be read or written, or a result exists.

    Examples
    --------
    >>> from virnucpro import evaluate
    >>> result = evaluate("own.safetensors", "features/viral", "features/non_viral", "evaluation")  # doctest: +SKIP
    >>> result.models[0].overall()[-1].figures["tpr_at_1_percent_fpr"]  # doctest: +SKIP
    0.78
    """
    plan = plan_evaluation(models, viral, non_viral, outdir, settings or EvaluateSettings(), overwrite)
    return run_evaluation(plan, on_model)


def plan_evaluation(
    models: PathLike | Sequence[PathLike],
    viral: PathLike | Sequence[PathLike],
    non_viral: PathLike | Sequence[PathLike],
    outdir: PathLike,
    settings: EvaluateSettings,
    overwrite: bool = False,
) -> EvaluationPlan:
    """Check classifiers, features and output, and pair each classifier with its features."""
    files, viral_folders, non_viral_folders = (_paths(paths) for paths in (models, viral, non_viral))
    outdir = Path(outdir)
    if not files:
        raise ConfigError("no classifier was given")
    if len(viral_folders) != len(non_viral_folders):
        raise ConfigError(
            f"{len(viral_folders)} folders of viral and {len(non_viral_folders)} of non-viral features; give them in "
            "pairs, in the same order"
        )
    if (outdir / REPORT).exists() and not overwrite:
        raise StoreError(f"{outdir / REPORT} exists already; give another folder or add --overwrite")
    names = [file.stem for file in files]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"several classifiers are named {', '.join(repeated)}; rename them to tell them apart")
    classifiers = [load_classifier(file) for file in files]
    pairs = list(zip(viral_folders, non_viral_folders, strict=True))
    opened = [open_labelled_rows(*pair) for pair in pairs]
    planned = [
        _plan_model(file.name, classifier, _rows_for(classifier, opened, pairs), settings)
        for file, classifier in zip(files, classifiers, strict=True)
    ]
    require_writable(outdir)
    return EvaluationPlan(outdir, settings, planned)


def run_evaluation(
    plan: EvaluationPlan, on_model: Callable[[ModelEvaluation], None] = lambda _: None
) -> EvaluationResult:
    """Measure one classifier after the other; write everything at the end, the report last."""
    done: list[ModelEvaluation] = []
    pictures: dict[str, Picture] = {}
    for planned in plan.models:
        logger.info("evaluating %s on %s", planned.name, counted(len(planned.numbers), "row"))
        for warning in planned.warnings:
            logger.warning("%s", warning)
        units = units_of(_score(planned), planned.calibration)
        done.append(_measure(planned, units, plan.settings))
        on_model(done[-1])
        folder = f"{Path(planned.name).stem}/" if len(plan.models) > 1 else ""
        title = f"{planned.name}, {planned.rows_of}"
        by_length = [done[-1].by_length(unit) for unit in ("window", "record")]
        drawn = draw_evaluation(title, units[1], done[-1].overall(), by_length)
        pictures |= {folder + name: picture for name, picture in drawn.items()}
    if len(done) > 1:
        pictures |= draw_comparison([(measured.name, measured.overall()[1]) for measured in done])
    reports = [_report(*pair, plan.settings) for pair in zip(plan.models, done, strict=True)]
    report = {"format": FORMAT, "models": reports, "versions": {"virnucpro": __version__}}
    files = {TABLE: _table(done)}
    files |= {f"{name}.png": picture.png for name, picture in pictures.items()}
    files |= {f"{name}.svg": picture.svg for name, picture in pictures.items()}
    files[REPORT] = (json.dumps(report, indent=1) + "\n").encode()
    (plan.outdir / REPORT).unlink(missing_ok=True)
    for name, content in files.items():
        with whole_file(plan.outdir / name) as stream:
            stream.write(content)
    return EvaluationResult(done, [plan.outdir / name for name in files])


def _paths(paths: PathLike | Sequence[PathLike]) -> list[Path]:
    return [Path(paths)] if isinstance(paths, (str, os.PathLike)) else [Path(path) for path in paths]


def _rows_for(classifier: Classifier, opened: list[LabelledRows], pairs: list[tuple[Path, Path]]) -> LabelledRows:
    """Find the one pair of folders that fits a classifier."""
    fitting, refusals = [], []
    for rows, (viral, non_viral) in zip(opened, pairs, strict=True):
        try:
            classifier.require(rows.spec)
            fitting.append(rows)
        except (ConfigError, DimensionError) as error:
            refusals.append((f"{viral} and {non_viral}", error))
    if len(fitting) > 1:
        raise ConfigError(f"{len(fitting)} pairs of folders fit {classifier.name}; give one pair per window length")
    if fitting:
        return fitting[0]
    if len(refusals) == 1:
        raise refusals[0][1]
    raise ConfigError("\n".join(f"{folders}: {error}" for folders, error in refusals))


def _plan_model(name: str, classifier: Classifier, rows: LabelledRows, settings: EvaluateSettings) -> PlannedModel:
    training = classifier.training
    of_training = training.get("row_ids_sha256") == rows.ids_sha256
    numbers, rows_of, warnings = np.arange(len(rows)), "other records", []
    if settings.test_part:
        if not of_training:
            raise ConfigError(
                f"{classifier.name} was not trained on exactly these rows, so its test part is not known; give the "
                "folders of its training, or leave --test-part out"
            )
        share, seed = training["test_share"], training["settings"]["seed"]
        numbers = make_split(rows, training["split"], share, seed, training.get("calibration_share", 0.0)).test
        rows_of = f"test part, split by {training['split']}"
    elif of_training:
        rows_of = "training and test parts"
        warnings.append(f"{name} was trained on these very rows, so the metrics are too good; add --test-part")
    unchecked = classifier.require(rows.spec)
    if unchecked:
        missing = ", ".join(unchecked)
        warnings.append(f"{name}: not checked, because features or classifier do not record it: {missing}")
    made = classifier.calibration
    calibration = None if made is None else Calibration.from_dict(made)
    return PlannedModel(name, classifier, calibration, rows, numbers, rows_of, unchecked, warnings)


def _score(planned: PlannedModel) -> ScoredRows:
    rows, numbers, classifier = planned.rows, planned.numbers, planned.classifier
    records, windows = number_sources(rows.ids())
    columns, lengths = rows.spec.columns(classifier.spec.modality), rows.window_bp
    return ScoredRows(
        rows.labels[numbers],
        score_blocks(classifier.score, rows, numbers, columns)[:, 1],
        records[numbers],
        windows[numbers],
        None if lengths is None else lengths[numbers],
        score_blocks(classifier.log_odds, rows, numbers, columns) if planned.calibration else None,
    )


def _measure(planned: PlannedModel, units: list[ScoredUnits], settings: EvaluateSettings) -> ModelEvaluation:
    draws, seed = settings.draws, settings.seed
    found = [evaluate_units(scored, draws, seed) for scored in units]
    for scored in units[1:]:
        found += evaluate_by_length(scored, draws, seed)
    return ModelEvaluation(planned.name, planned.classifier, planned.rows_of, found, planned.warnings)


def _report(planned: PlannedModel, measured: ModelEvaluation, settings: EvaluateSettings) -> dict[str, Any]:
    classifier = planned.classifier
    return {
        "model": {"path": classifier.name, "sha256": classifier.sha256, "training": classifier.training},
        "features": planned.rows.spec.to_dict(),
        "modality": classifier.spec.modality,
        "calibrated": planned.calibration is not None,
        "rows_of": planned.rows_of,
        "not_checked": planned.unchecked,
        "bootstrap": {"draws": settings.draws, "seed": settings.seed, "unit": "record, within its class"},
        "evaluations": [
            {
                "unit": found.unit,
                "length_bp": found.length_bp,
                "rows": found.rows,
                "viral_rows": found.viral_rows,
                "records": found.records,
                "figures": found.figures,
                "intervals_95": {
                    metric: interval for metric, interval in found.intervals.items() if not math.isnan(interval[0])
                },
                "calls": {level: asdict(confusion) for level, confusion in found.calls.items()},
                "reliability": [asdict(bin_) for bin_ in found.bins],
            }
            for found in measured.evaluations
        ],
    }


def _table(done: Sequence[ModelEvaluation]) -> bytes:
    """One line per classifier, unit, length bin and metric."""
    lines = ["\t".join(TABLE_COLUMNS)]
    for measured in done:
        spec = measured.classifier.spec
        about = (measured.name, spec.window_bp or "NA", spec.modality, measured.rows_of)
        for found in measured.evaluations:
            counts = (found.unit, found.length_bp, found.viral_rows, found.rows - found.viral_rows, found.records)
            for metric, value in found.figures.items():
                interval = found.intervals.get(metric, (math.nan, math.nan))
                numbers = ("NA" if math.isnan(number) else f"{number:.6f}" for number in (value, *interval))
                lines.append("\t".join(map(str, (*about, *counts, metric, *numbers))))
    return ("\n".join(lines) + "\n").encode()
