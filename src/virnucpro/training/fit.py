"""Fitting the classifier: SGD with momentum, a step schedule, and early stopping on the test loss.

The weights of the best epoch are copied, because the optimiser continues to change the model's tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from virnucpro.errors import ConfigError
from virnucpro.features.rows import LabelledRows
from virnucpro.models.classifier import HIDDEN_WIDTH, MLP, build_mlp
from virnucpro.training.split import Split

__all__ = ["Epoch", "FitSettings", "Fitted", "Measure", "Task", "fit_mlp"]

Measure = Callable[[NDArray[np.int64], NDArray[np.float64]], dict[str, float]]
"""A function from labels and viral scores of rows to named metrics."""

TEST_ROWS_PER_BATCH = 1024


@dataclass(frozen=True)
class FitSettings:
    """How to fit; the defaults are those of the original VirNucPro."""

    epochs: int = 200  # maximum
    patience: int = 5  # epochs without a lower test loss before training stops
    rows_per_batch: int = 32
    learning_rate: float = 2e-4
    momentum: float = 0.9
    rate_step_epochs: int = 10  # epochs between reductions of the learning rate
    rate_factor: float = 0.85  # by which each reduction multiplies it
    hidden_width: int = HIDDEN_WIDTH
    seed: int = 42  # for the split, initial weights, shuffling and dropout

    def __post_init__(self) -> None:
        if problems := self.problems():
            raise ConfigError("; ".join(problems))

    def problems(self) -> list[str]:
        """List all values that are out of range."""
        counts = {"epochs": 1, "patience": 1, "rate_step_epochs": 1, "hidden_width": 1, "rows_per_batch": 2, "seed": 0}
        problems = [
            f"{name} is {getattr(self, name)}, and must be at least {low}"
            for name, low in counts.items()
            if getattr(self, name) < low
        ]
        if not (self.learning_rate > 0 and 0 <= self.momentum < 1 and 0 < self.rate_factor <= 1):
            problems.append("learning_rate must be above 0, momentum in [0, 1), rate_factor in (0, 1]")
        return problems


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training rows.

    Attributes
    ----------
    number : int
        From 1.
    learning_rate : float
        As used in this epoch.
    train_loss, test_loss : float
        Mean cross-entropy per row: of the training rows with dropout while weights changed, and of the test rows after.
    best : bool
        Whether no earlier epoch had a lower test loss.
    test : dict of str to float
        Metrics of the test rows.
    """

    number: int
    learning_rate: float
    train_loss: float
    test_loss: float
    best: bool
    test: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Give the epoch as one flat dictionary for JSON; a loss that is not finite is None."""
        content = asdict(self)
        epoch, figures = content.pop("number"), content.pop("test")
        for name in ("train_loss", "test_loss"):
            content[name] = content[name] if math.isfinite(content[name]) else None
        return {"epoch": epoch, **content, **{f"test_{name}": value for name, value in figures.items()}}


@dataclass(frozen=True, eq=False)
class Task:
    """Rows and labels to train on."""

    rows: LabelledRows
    columns: slice  # columns of a row that the classifier uses
    split: Split

    @property
    def width(self) -> int:
        """Number of columns that the classifier uses."""
        return int(self.columns.stop - self.columns.start)

    def batch(self, numbers: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """Read features and labels of some rows."""
        features = torch.from_numpy(self.rows.gather(numbers, self.columns))
        return features.to(device), torch.from_numpy(self.rows.labels[numbers]).to(device)


@dataclass(eq=False)
class Fitted:
    """A fitted model and its training history."""

    model: MLP  # with the weights of the best epoch, on the CPU, in evaluation mode
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch whose weights the model has."""
        return min(self.epochs, key=lambda epoch: epoch.test_loss)


def fit_mlp(
    task: Task,
    settings: FitSettings,
    device: torch.device,
    measure: Measure,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Fitted:
    """Fit a perceptron; reproducible for the same task, settings, device and threads."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        model = MLP(task.width, settings.hidden_width).to(device)
        optimiser = torch.optim.SGD(model.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, settings.rate_step_epochs, settings.rate_factor)
        epochs: list[Epoch] = []
        best_loss, best_number, best_weights = math.inf, 0, None
        for number in range(1, settings.epochs + 1):
            rate = float(schedule.get_last_lr()[0])
            train_loss = _train_epoch(model, optimiser, task, settings.rows_per_batch)
            test_loss, figures = _test(model, task, measure)
            best = test_loss < best_loss
            epochs.append(Epoch(number, rate, train_loss, test_loss, best, figures))
            on_epoch(epochs[-1])
            if best:
                best_loss, best_number, best_weights = test_loss, number, _copy_weights(model)
            elif number - best_number >= settings.patience:
                break
            schedule.step()
    if best_weights is None:
        raise ConfigError(
            f"the test loss was not finite in any epoch; check the features for NaN and infinite values, or lower the "
            f"learning rate ({settings.learning_rate})"
        )
    return Fitted(build_mlp(best_weights, "the trained classifier", task.width, settings.hidden_width), epochs)


def _copy_weights(model: MLP) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _train_epoch(model: MLP, optimiser: torch.optim.Optimizer, task: Task, rows_per_batch: int) -> float:
    """Train on every row once, shuffled; return the mean loss per row."""
    device = model.output_layer.weight.device
    order = task.split.train[torch.randperm(len(task.split.train)).numpy()]
    model.train()
    total = torch.zeros((), dtype=torch.float64)
    for batch in _batches(order, rows_per_batch):
        features, labels = task.batch(batch, device)
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(features), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += loss.detach().cpu() * len(batch)
    return float(total) / len(order)


def _batches(order: NDArray[np.int64], rows_per_batch: int) -> list[NDArray[np.int64]]:
    """Divide the rows into batches; a single last row joins the previous batch, because batch norm needs two."""
    starts = list(range(0, len(order), rows_per_batch))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    return np.split(order, starts[1:])


@torch.inference_mode()
def _test(model: MLP, task: Task, measure: Measure) -> tuple[float, dict[str, float]]:
    """Mean loss per test row, and metrics; infinity and no metrics if a loss is not finite."""
    device = model.output_layer.weight.device
    model.eval()
    total, scores = 0.0, []
    for batch in np.array_split(task.split.test, math.ceil(len(task.split.test) / TEST_ROWS_PER_BATCH)):
        features, labels = task.batch(batch, device)
        logits = model(features).double()
        total += float(functional.cross_entropy(logits, labels, reduction="sum"))
        scores.append(functional.softmax(logits, dim=1)[:, 1].cpu().numpy())
    if not math.isfinite(total):
        return math.inf, {}
    return total / len(task.split.test), measure(task.rows.labels[task.split.test], np.concatenate(scores))
