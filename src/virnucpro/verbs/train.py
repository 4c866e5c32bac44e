"""Feature folders in, a classifier file out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from virnucpro import __version__
from virnucpro.errors import ConfigError, StoreError
from virnucpro.evaluation.metrics import measure
from virnucpro.features.classifier import Classifier, serialise_classifier
from virnucpro.features.rows import LabelledRows, open_labelled_rows
from virnucpro.features.spec import Modality
from virnucpro.runs.files import whole_file
from virnucpro.sequences.row_ids import number_sources
from virnucpro.training.fit import Epoch, FitSettings, Fitted, Task, fit_mlp
from virnucpro.training.split import Split, SplitKind, split_by_record, split_rows

__all__ = ["TrainingJob", "TrainingPlan", "TrainingReport", "carry_out_training", "make_split", "plan_training"]


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What to train, and on what."""

    viral: Path  # folders of ``*_merged.pt`` parts
    host: Path  # folders of ``*_merged.pt`` parts
    output: Path  # the classifier's file
    modality: Modality = "both"  # which numbers of a row it takes
    split: SplitKind = "record"  # whether whole records or single rows are set aside to measure on
    test_share: float = 0.1  # share of rows to set aside
    window_bp: int | None = None  # bases of the windows, for features that do not say it
    settings: FitSettings = field(default_factory=FitSettings)  # how to fit

    @property
    def log(self) -> Path:
        """Where the epochs' figures go, one JSON object per line."""
        return self.output.with_suffix(".epochs.jsonl")


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """A job whose inputs have been looked at."""

    job: TrainingJob  # what to do
    task: Task  # rows, columns and split
    rows_on: dict[str, int]  # rows by side and class, for people and for the file's header


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """What a training came to."""

    classifier: Classifier  # as it was written
    epochs: list[Epoch]  # all of them
    best: Epoch  # the one whose weights were kept


def plan_training(job: TrainingJob, overwrite: bool = False) -> TrainingPlan:
    """Look at everything before anything is fitted."""
    if not 0 < job.test_share < 1:
        raise ConfigError(f"a test share of {job.test_share} leaves nothing on one side; give one between 0 and 1")
    if job.output.suffix != ".safetensors":
        raise ConfigError(f"{job.output}: a classifier's file ends in .safetensors")
    if job.output.exists() and not overwrite:
        raise StoreError(f"{job.output} is there already; give another name or add --overwrite")
    rows = open_labelled_rows(job.viral, job.host, job.window_bp)
    columns = rows.spec.columns(job.modality)
    split = make_split(rows, job.split, job.test_share, job.settings.seed)
    rows_on = {
        f"{side}_{name}": int(np.count_nonzero(rows.labels[numbers] == label))
        for side, numbers in (("train", split.train), ("test", split.test))
        for name, label in (("viral", 1), ("host", 0))
    }
    return TrainingPlan(job, Task(rows, columns, split), rows_on)


def make_split(rows: LabelledRows, kind: SplitKind, test_share: float, seed: int) -> Split:
    """Split rows; the same rows and numbers give the same split."""
    if kind == "random":
        return split_rows(rows.labels, test_share, seed)
    records, _ = number_sources(rows.ids())
    return split_by_record(rows.labels, records, test_share, seed)


def carry_out_training(
    plan: TrainingPlan, device: torch.device, on_epoch: Callable[[Epoch], None] = lambda _: None
) -> TrainingReport:
    """Fit what a plan says, and write the classifier and the figures of its epochs."""
    job = plan.job
    fitted = fit_mlp(plan.task, job.settings, device, measure, on_epoch)
    spec = plan.task.rows.spec.restricted(job.modality)
    classifier = Classifier(fitted.model, spec, _summary(plan, fitted), str(job.output))
    with whole_file(job.log) as stream:
        stream.writelines(json.dumps(epoch.to_dict()).encode() + b"\n" for epoch in fitted.epochs)
    with whole_file(job.output) as stream:
        stream.write(serialise_classifier(classifier))
    return TrainingReport(classifier, fitted.epochs, fitted.best)


def _summary(plan: TrainingPlan, fitted: Fitted) -> dict[str, object]:
    """What the classifier's header says of its training; equal trainings say the same."""
    job = plan.job
    return {
        "split": job.split,
        "test_share": job.test_share,
        "rows": plan.rows_on,
        "row_ids_sha256": plan.task.rows.ids_sha256,
        "settings": asdict(job.settings),
        "epochs": len(fitted.epochs),
        "best": fitted.best.to_dict(),
        "versions": {"virnucpro": __version__, "torch": torch.__version__},
    }
