"""Fitting the perceptron: SGD with momentum, a falling rate, and an end when the test loss stops falling.

The weights that are kept are those of the best epoch: copied, not referred to, since the optimiser goes on writing into
the tensors it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
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
"""From labels and viral scores of rows to named figures."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How to fit; the defaults are VirNucPro's."""

    epochs: int = 200  # at most
    patience: int = 5  # epochs without a lower test loss after which fitting ends
    rows_per_batch: int = 32  # rows of one step
    learning_rate: float = 2e-4  # of stochastic gradient descent
    momentum: float = 0.9  # of stochastic gradient descent
    rate_step_epochs: int = 10  # epochs after which the rate falls
    rate_factor: float = 0.85  # what it is multiplied by then
    hidden_width: int = HIDDEN_WIDTH  # numbers between the two layers
    seed: int = 42  # of first weights, order of rows and dropout

    def __post_init__(self) -> None:
        counts = {"epochs": self.epochs, "patience": self.patience, "rate_step_epochs": self.rate_step_epochs}
        problems = [f"{name} is {value}, and must be at least 1" for name, value in counts.items() if value < 1]
        if self.rows_per_batch < 2:
            problems.append(f"rows_per_batch is {self.rows_per_batch}, and batch norm needs 2 at least")
        if not (self.learning_rate > 0 and 0 <= self.momentum < 1 and 0 < self.rate_factor <= 1):
            problems.append("learning_rate must be above 0, momentum in [0, 1), rate_factor in (0, 1]")
        if problems:
            raise ConfigError("; ".join(problems))


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training rows came to."""

    number: int  # from 1
    learning_rate: float  # as it was used
    train_loss: float  # mean cross-entropy per row, with dropout, while weights changed
    test_loss: float  # mean cross-entropy per row of the test side
    best: bool  # whether no epoch before had a lower test loss
    test: dict[str, float]  # further figures of the test side

    def to_dict(self) -> dict[str, Any]:
        """Give it as a line of the log."""
        return {
            "epoch": self.number,
            "learning_rate": self.learning_rate,
            "train_loss": _finite(self.train_loss),
            "test_loss": _finite(self.test_loss),
            "best": self.best,
            **{f"test_{name}": value for name, value in self.test.items()},
        }


@dataclass(frozen=True, eq=False)
class Task:
    """What to learn from."""

    rows: LabelledRows  # all rows
    columns: slice  # which of their numbers
    split: Split  # which rows are on which side

    def batch(self, numbers: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """Read rows and labels."""
        features = torch.from_numpy(self.rows.gather(numbers, self.columns))
        return features.to(device), torch.from_numpy(self.rows.labels[numbers]).to(device)


@dataclass(eq=False)
class Fitted:
    """What fitting gave."""

    model: MLP  # with the weights of the best epoch, on the CPU, in evaluation mode
    epochs: list[Epoch] = field(default_factory=list)  # all of them

    @property
    def best(self) -> Epoch:
        """The epoch that the weights are of."""
        return min(self.epochs, key=lambda epoch: epoch.test_loss)


def fit_mlp(
    task: Task,
    settings: FitSettings,
    device: torch.device,
    measure: Measure,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Fitted:
    """Fit a perceptron; the same task, settings, device and threads give the same weights."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(settings.seed)
        model = MLP(task.columns.stop - task.columns.start, settings.hidden_width).to(device)
        optimiser = torch.optim.SGD(model.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, settings.rate_step_epochs, settings.rate_factor)
        epochs: list[Epoch] = []
        best_loss, best_weights, best_number = math.inf, None, 0
        for number in range(1, settings.epochs + 1):
            rate = float(schedule.get_last_lr()[0])
            train_loss = _learn(model, optimiser, task, settings.rows_per_batch)
            test_loss, figures = _test(model, task, measure)
            better = test_loss < best_loss
            epochs.append(Epoch(number, rate, train_loss, test_loss, better, figures))
            on_epoch(epochs[-1])
            if better:
                best_loss, best_number, best_weights = test_loss, number, _copy_weights(model)
            elif number - best_number >= settings.patience:
                break
            schedule.step()
    if best_weights is None:
        raise ConfigError(
            f"the test loss was never a finite number; are all features? Or lower the rate {settings.learning_rate}"
        )
    width = task.columns.stop - task.columns.start
    return Fitted(build_mlp(best_weights, "the trained classifier", width, settings.hidden_width), epochs)


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def _copy_weights(model: MLP) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _learn(model: MLP, optimiser: torch.optim.Optimizer, task: Task, rows_per_batch: int) -> float:
    """Go over the training rows once, in an order drawn anew; give the mean loss per row."""
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
    """Cut an order into batches; a last row alone joins the batch before it, since batch norm needs two."""
    starts = list(range(0, len(order), rows_per_batch))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    return np.split(order, starts[1:])


@torch.inference_mode()
def _test(model: MLP, task: Task, measure: Measure) -> tuple[float, dict[str, float]]:
    """Measure the test side."""
    device = model.output_layer.weight.device
    model.eval()
    total, scores = 0.0, []
    for batch in np.array_split(task.split.test, math.ceil(len(task.split.test) / 1024)):
        features, labels = task.batch(batch, device)
        logits = model(features).double()
        total += float(functional.cross_entropy(logits, labels, reduction="sum"))
        scores.append(functional.softmax(logits, dim=1)[:, 1].cpu().numpy())
    if not math.isfinite(total):
        return math.inf, {}
    return total / len(task.split.test), measure(task.rows.labels[task.split.test], np.concatenate(scores))
