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
from virnucpro.models.classifier import Classifier, serialise_classifier
from virnucpro.models.contract import Modality
from virnucpro.sequences.row_ids import number_sources
from virnucpro.store.atomic import whole_file
from virnucpro.store.rows import LabelledRows, open_labelled_rows
from virnucpro.training.fit import Epoch, FitSettings, Fitted, Task, fit_mlp
from virnucpro.training.split import Split, SplitKind, split_by_record, split_rows

__all__ = ["TrainingJob", "TrainingPlan", "TrainingReport", "carry_out_training", "make_split", "plan_training"]


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What to train, and on what.

    Attributes
    ----------
    viral, host : Path
        Folders of ``*_merged.pt`` parts.
    output : Path
        The classifier's file.
    modality : {"both", "dna", "protein"}
        Which numbers of a row it takes.
    split : {"record", "random"}
        Whether whole records or single rows are set aside to measure on.
    test_share : float
        Share of rows to set aside.
    window_bp : int or None
        Bases of the windows, for features that do not say it.
    settings : FitSettings
        How to fit.
    """

    viral: Path
    host: Path
    output: Path
    modality: Modality = "both"
    split: SplitKind = "record"
    test_share: float = 0.1
    window_bp: int | None = None
    settings: FitSettings = field(default_factory=FitSettings)

    @property
    def log(self) -> Path:
        """Where the epochs' figures go, one JSON object per line."""
        return self.output.with_suffix(".epochs.jsonl")


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """A job whose inputs have been looked at.

    Attributes
    ----------
    job : TrainingJob
        What to do.
    task : Task
        Rows, columns and split.
    rows_on : dict of str to int
        Rows by side and class, for people and for the file's header.
    """

    job: TrainingJob
    task: Task
    rows_on: dict[str, int]


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """What a training came to.

    Attributes
    ----------
    classifier : Classifier
        As it was written.
    epochs : list of Epoch
        All of them.
    best : Epoch
        The one whose weights were kept.
    """

    classifier: Classifier
    epochs: list[Epoch]
    best: Epoch


def plan_training(job: TrainingJob, overwrite: bool = False) -> TrainingPlan:
    """Look at everything before anything is fitted.

    Parameters
    ----------
    job : TrainingJob
        What to do.
    overwrite : bool, default: False
        Replace a classifier that is there.

    Returns
    -------
    TrainingPlan
        Rows and split.

    Raises
    ------
    StoreError
        If the output is there already, or a part cannot be read.
    ConfigError
        If the call is wrong, or parts do not go together.
    DimensionError
        If parts are of different widths.
    InputError
        If rows do not say which record they come from, or are labelled otherwise than their folder says.
    """
    if not 0 < job.test_share < 1:
        raise ConfigError(f"a test share of {job.test_share} leaves nothing on one side; give one between 0 and 1")
    if job.output.suffix != ".safetensors":
        raise ConfigError(f"{job.output}: a classifier's file ends in .safetensors")
    if job.output.exists() and not overwrite:
        raise StoreError(f"{job.output} is there already; give another name or add --overwrite")
    rows = open_labelled_rows(job.viral, job.host, job.window_bp)
    columns = rows.contract.columns(job.modality)
    split = make_split(rows, job.split, job.test_share, job.settings.seed)
    rows_on = {
        f"{side}_{name}": int(np.count_nonzero(rows.labels[numbers] == label))
        for side, numbers in (("train", split.train), ("test", split.test))
        for name, label in (("viral", 1), ("host", 0))
    }
    return TrainingPlan(job, Task(rows, columns, split), rows_on)


def make_split(rows: LabelledRows, kind: SplitKind, test_share: float, seed: int) -> Split:
    """Split rows; the same rows and numbers give the same split.

    Parameters
    ----------
    rows : LabelledRows
        All rows.
    kind : {"record", "random"}
        What is set aside.
    test_share : float
        How much of it.
    seed : int
        Of the draw.

    Returns
    -------
    Split
        Both sides.

    Raises
    ------
    InputError
        If rows do not say which record they come from, and must.
    ConfigError
        If there is not enough to split.
    """
    if kind == "random":
        return split_rows(rows.labels, test_share, seed)
    records, _ = number_sources(rows.ids())
    return split_by_record(rows.labels, records, test_share, seed)


def carry_out_training(
    plan: TrainingPlan, device: torch.device, on_epoch: Callable[[Epoch], None] = lambda _: None
) -> TrainingReport:
    """Fit what a plan says, and write the classifier and the figures of its epochs.

    Parameters
    ----------
    plan : TrainingPlan
        From `plan_training`.
    device : torch.device
        Where the work is done.
    on_epoch : callable, optional
        Told every epoch.

    Returns
    -------
    TrainingReport
        The classifier, and how it came to be.

    Raises
    ------
    ConfigError
        If no epoch had a finite test loss.
    StoreError
        If a file cannot be written.
    """
    job = plan.job
    fitted = fit_mlp(plan.task, job.settings, device, measure, on_epoch)
    contract = plan.task.rows.contract.restricted(job.modality)
    classifier = Classifier(fitted.model, contract, _summary(plan, fitted), str(job.output))
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
