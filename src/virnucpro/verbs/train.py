"""``train``: folders of labelled features in, one classifier file out."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro import __version__
from virnucpro.errors import ConfigError, StoreError, counted
from virnucpro.evaluation.metrics import measure
from virnucpro.features.classifier import Classifier, serialise_classifier
from virnucpro.features.rows import LabelledRows, open_labelled_rows
from virnucpro.features.spec import Modality
from virnucpro.models.placement import choose_placement
from virnucpro.runs.files import is_taken, require_writable, whole_file
from virnucpro.sequences.row_ids import number_sources
from virnucpro.training.calibrate import CalibrationWindows, fit_calibration, require_enough
from virnucpro.training.fit import Epoch, FitSettings, Fitted, Task, fit_mlp
from virnucpro.training.split import Split, SplitKind, split_by_record, split_rows

__all__ = [
    "TrainSettings", "Training", "TrainingPlan", "make_split", "plan_training", "run_training", "score_blocks", "train",
]  # fmt: skip

logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]

ROWS_PER_BLOCK = 10_000


@dataclass(frozen=True)
class TrainSettings(FitSettings):
    """Settings of `train`; the defaults are those of the original VirNucPro, except that whole records are held out.

    Attributes
    ----------
    epochs : int
        Maximum number of epochs.
    patience : int
        Epochs without a lower test loss before training stops.
    rows_per_batch : int
        Feature rows per optimiser step.
    learning_rate, momentum : float
        Of stochastic gradient descent.
    rate_step_epochs : int
        Epochs between reductions of the learning rate.
    rate_factor : float
        Factor of each reduction.
    hidden_width : int
        Units of the hidden layer.
    seed : int
        Random seed for the split, initial weights, shuffling and dropout.
    modality : {"both", "dna", "protein"} or None
        Which features the classifier takes; None takes all that there are.
    split : {"record", "random"}
        Hold out whole records, or single rows as the original does, which flatters every metric.
    test_share : float
        Share of rows in the test part, which chooses the best epoch.
    calibrate : bool
        Also fit probabilities, thresholds and error rates, on records that neither train nor choose the epoch.
    calibration_share : float
        Share of rows in that part.
    window_bp : int or None
        Window length in bases, for features that do not record it.
    """

    modality: Modality | None = None
    split: SplitKind = "record"
    test_share: float = 0.1
    calibrate: bool = False
    calibration_share: float = 0.1
    window_bp: int | None = None

    def problems(self) -> list[str]:
        """List all values that are out of range."""
        problems = super().problems()
        if not 0 < self.test_share < 1:
            problems.append(f"test_share is {self.test_share}, and must be between 0 and 1")
        if self.calibrate:
            if not 0 < self.calibration_share < 1 - self.test_share:
                problems.append(
                    f"calibration_share is {self.calibration_share}, and must be above 0 and leave rows to train on"
                )
            if self.split != "record":
                problems.append(f"calibration needs whole records set aside, and split is {self.split!r}")
        return problems


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """A training whose inputs and output have been checked."""

    output: Path
    settings: TrainSettings
    task: Task  # rows, columns and split
    rows: dict[str, int]  # rows by part and class, such as "train_viral"
    warnings: list[str]

    @property
    def log(self) -> Path:
        """The file of the epochs, one JSON object per line."""
        return self.output.with_suffix(".epochs.jsonl")


@dataclass(frozen=True, eq=False)
class Training:
    """Result of `train`.

    Attributes
    ----------
    classifier : Classifier
        As written, with the weights of the best epoch.
    epochs : list of Epoch
        Learning rate, losses and test metrics of every epoch.
    best : Epoch
        The epoch whose weights were kept.
    rows : dict of str to int
        Feature rows by part and class: ``train_viral``, ``test_non_viral``, ...
    output, log : pathlib.Path
        The classifier's file, and the file of the epochs.
    warnings : list of str
        What limits the result; also logged.
    """

    classifier: Classifier
    epochs: list[Epoch]
    best: Epoch
    rows: dict[str, int]
    output: Path
    log: Path
    warnings: list[str]


def train(
    viral: PathLike,
    non_viral: PathLike,
    output: PathLike,
    settings: TrainSettings | None = None,
    device: str = "auto",
    overwrite: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Training:
    """Train a classifier on labelled features.

    Writes the classifier and, beside it, ``*.epochs.jsonl`` with one JSON object per epoch. The same call on the same
    machine writes the same bytes.

    Parameters
    ----------
    viral, non_viral : path
        Folders of ``*_merged.pt`` files, as `virnucpro features` and `merge_data` write them.
    output : path
        The classifier's file, ending in ``.safetensors``.
    settings : TrainSettings, optional
        How to train; by default as the original VirNucPro, with whole records held out.
    device : str, default: "auto"
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    overwrite : bool, default: False
        Replace existing results.
    on_epoch : callable, optional
        Called with each `Epoch` when it ends.

    Returns
    -------
    Training
        The classifier, its epochs, and the rows of each part.

    Raises
    ------
    ConfigError
        If folders are missing or do not go together, or too few records are there to split or to calibrate.
    InputError
        If a row ID does not name its record, or a file has the other label.
    StoreError
        If a file cannot be read or written, or a result exists.
    DeviceError
        If the device is not there.

    Examples
    --------
    >>> from virnucpro import TrainSettings, train
    >>> result = train("features/viral", "features/non_viral", "own.safetensors", TrainSettings(calibrate=True))
    ... # doctest: +SKIP
    >>> result.best.test["auroc"]  # doctest: +SKIP
    0.9712
    """
    plan = plan_training(viral, non_viral, output, settings or TrainSettings(), overwrite)
    return run_training(plan, choose_placement(device, "fp32").device, on_epoch)


def plan_training(
    viral: PathLike, non_viral: PathLike, output: PathLike, settings: TrainSettings, overwrite: bool = False
) -> TrainingPlan:
    """Check inputs, output and settings, and split the rows."""
    output = Path(output)
    if output.suffix != ".safetensors":
        raise ConfigError(f"{output}: the file of a classifier ends in .safetensors")
    rows = open_labelled_rows(Path(viral), Path(non_viral), settings.window_bp)
    columns = rows.spec.columns(settings.modality or rows.spec.modality)
    split = make_split(
        rows, settings.split, settings.test_share, settings.seed,
        settings.calibration_share if settings.calibrate else 0.0,
    )  # fmt: skip
    counts = {
        f"{part}_{name}": int(np.count_nonzero(rows.labels[numbers] == label))
        for part, numbers in split.parts().items()
        for name, label in (("viral", 1), ("non_viral", 0))
    }
    if settings.calibrate:
        _require_calibratable(rows, split)
    plan = TrainingPlan(output, settings, Task(rows, columns, split), counts, _warnings(rows, settings))
    for path in (output, plan.log):
        if is_taken(path) and not overwrite:
            raise StoreError(f"{path} exists already; give another name or add --overwrite")
    require_writable(output.parent)
    return plan


def run_training(
    plan: TrainingPlan, device: torch.device, on_epoch: Callable[[Epoch], None] = lambda _: None
) -> Training:
    """Fit, calibrate where asked for, and write the classifier and the log of its epochs."""
    warnings = list(plan.warnings)
    logger.info("training %s on %s", plan.output, counted(len(plan.task.split.train), "row"))
    fitted = fit_mlp(plan.task, plan.settings, device, measure, on_epoch)
    of_rows = plan.task.rows.spec
    spec = of_rows.restricted(plan.settings.modality or of_rows.modality)
    classifier = Classifier(fitted.model, spec, _summary(plan, fitted), str(plan.output))
    if plan.settings.calibrate:
        calibration, limits = fit_calibration(_calibration_windows(plan.task, classifier))
        classifier = Classifier(
            fitted.model, spec, classifier.training, str(plan.output), calibration=calibration.to_dict()
        )
        warnings += limits
    with whole_file(plan.log) as stream:
        stream.writelines(json.dumps(epoch.to_dict()).encode() + b"\n" for epoch in fitted.epochs)
    with whole_file(plan.output) as stream:
        stream.write(serialise_classifier(classifier))
    for warning in warnings:
        logger.warning("%s", warning)
    return Training(classifier, fitted.epochs, fitted.best, plan.rows, plan.output, plan.log, warnings)


def make_split(
    rows: LabelledRows, kind: SplitKind, test_share: float, seed: int, calibration_share: float = 0.0
) -> Split:
    """Split rows; the same rows and settings give the same split."""
    if kind == "random":
        return split_rows(rows.labels, test_share, seed)
    records, _ = number_sources(rows.ids())
    return split_by_record(rows.labels, records, test_share, seed, calibration_share)


def score_blocks(
    score: Callable[[NDArray[np.float32]], NDArray[Any]], rows: LabelledRows, numbers: NDArray[np.int64], columns: slice
) -> NDArray[Any]:
    """Score rows, with only one block in memory at a time."""
    starts = range(0, len(numbers), ROWS_PER_BLOCK)
    return np.concatenate([score(rows.gather(numbers[start : start + ROWS_PER_BLOCK], columns)) for start in starts])


def _warnings(rows: LabelledRows, settings: TrainSettings) -> list[str]:
    warnings = []
    if rows.spec.window_bp is None:
        warnings.append("the features do not record their window length; give it with --window")
    if any(encoder.identity is None for encoder in rows.spec.parts.values()):
        warnings.append(
            "some features have no manifest, so the classifier records the widths of its encoders but not their names"
        )
    if settings.split == "random":
        warnings.append("split by row: windows of one record are in both parts, so the metrics are too good")
    return warnings


def _require_calibratable(rows: LabelledRows, split: Split) -> None:
    if rows.window_bp is None:
        raise ConfigError(
            "calibration needs the window length, which the features do not record; give it with --window"
        )
    _, windows = number_sources(rows.ids())
    _, first = np.unique(windows[split.calibration], return_index=True)
    viral = int(rows.labels[split.calibration][first].sum())
    require_enough(viral, len(first) - viral)


def _calibration_windows(task: Task, classifier: Classifier) -> CalibrationWindows:
    """Score the windows of the calibration part: mean log-odds of their rows."""
    rows, numbers = task.rows, task.split.calibration
    lengths = rows.window_bp
    assert lengths is not None
    records, windows = (column[numbers] for column in number_sources(rows.ids()))
    odds = score_blocks(classifier.log_odds, rows, numbers, task.columns)
    _, first, of_row, sizes = np.unique(windows, return_index=True, return_inverse=True, return_counts=True)
    means = np.bincount(of_row, odds) / sizes
    return CalibrationWindows(rows.labels[numbers][first], means, records[first], lengths[numbers][first])


def _summary(plan: TrainingPlan, fitted: Fitted) -> dict[str, object]:
    """Description of the training for the classifier's header; reproducible."""
    settings = plan.settings
    summary: dict[str, object] = {"split": settings.split, "test_share": settings.test_share}
    if settings.calibrate:
        summary["calibration_share"] = settings.calibration_share
    return summary | {
        "rows": plan.rows,
        "row_ids_sha256": plan.task.rows.ids_sha256,
        "settings": {field.name: getattr(settings, field.name) for field in fields(FitSettings)},
        "epochs": len(fitted.epochs),
        "best": fitted.best.to_dict(),
        "versions": {"virnucpro": __version__, "torch": torch.__version__},
    }
