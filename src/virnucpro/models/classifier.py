"""The network of a classifier: a small perceptron over a row of features, applied reproducibly to the last bit.

References
----------
``MLPClassifier`` in ``train.py`` of https://github.com/Li-Jing-1997/VirNucPro; the tensor names are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from virnucpro.errors import WeightsError
from virnucpro.models.exact import ExactLinear

__all__ = ["CLASSES", "HIDDEN_WIDTH", "MLP", "ExactHead", "ExactMLP", "Head", "Network", "build_head", "build_mlp"]

HIDDEN_WIDTH = 512
CLASSES: Final = ("non-viral", "viral")
"""The two classes; a label is an index into this tuple."""

ROWS_AT_A_TIME = 1024
"""27 MB of float64 rows of 3,328 numbers."""


class MLP(nn.Module):
    """Linear, batch norm, ReLU, dropout, linear."""

    def __init__(self, width: int, hidden_width: int = HIDDEN_WIDTH) -> None:
        super().__init__()
        self.hidden_layer = nn.Linear(width, hidden_width)
        self.bn1 = nn.BatchNorm1d(hidden_width)
        self.output_layer = nn.Linear(hidden_width, len(CLASSES))
        self.dropout = nn.Dropout(0.5)
        nn.init.xavier_uniform_(self.hidden_layer.weight)
        nn.init.xavier_uniform_(self.output_layer.weight)

    def forward(self, features_ND: Tensor) -> Tensor:
        """Compute logits."""
        hidden_NF = F.relu(self.bn1(self.hidden_layer(features_ND)))
        logits: Tensor = self.output_layer(self.dropout(hidden_NF))
        return logits


class Head(nn.Module):
    """One linear layer, trained together with the encoder whose features it scores."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.output_layer = nn.Linear(width, classes)

    def forward(self, features_ND: Tensor) -> Tensor:
        """Compute logits."""
        logits: Tensor = self.output_layer(features_ND)
        return logits


Network = MLP | Head


class ExactHead:
    """A `Head` for scoring; a row's logits never depend on the other rows of the call."""

    def __init__(self, model: Head) -> None:
        layer = model.output_layer
        self._output = ExactLinear(layer.weight.detach().float().numpy(), layer.bias.detach().float().numpy())

    def logits(self, features_ND: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits by class, shape (n, classes)."""
        blocks = range(0, max(len(features_ND), 1), ROWS_AT_A_TIME)
        return np.concatenate([self._output(features_ND[start : start + ROWS_AT_A_TIME]) for start in blocks])


class ExactMLP:
    """A trained `MLP` for scoring in float64; a row's logits never depend on the other rows of the call."""

    def __init__(self, model: MLP) -> None:
        tensors = {name: tensor.detach().cpu().float().numpy() for name, tensor in model.state_dict().items()}
        norm = {name: tensors[f"bn1.{name}"].astype(np.float64) for name in ("weight", "bias", "running_mean")}
        deviation = np.sqrt(tensors["bn1.running_var"].astype(np.float64) + model.bn1.eps)
        self._hidden = ExactLinear(tensors["hidden_layer.weight"], tensors["hidden_layer.bias"])
        self._output = ExactLinear(tensors["output_layer.weight"], tensors["output_layer.bias"])
        self._mean, self._factor, self._shift = norm["running_mean"], norm["weight"] / deviation, norm["bias"]

    def logits(self, features_ND: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits of non-viral and viral, shape (n, 2)."""
        logits_N2 = np.empty((len(features_ND), len(CLASSES)))
        for start in range(0, len(features_ND), ROWS_AT_A_TIME):
            block = slice(start, start + ROWS_AT_A_TIME)
            hidden_NF = self._hidden(features_ND[block])
            hidden_NF -= self._mean
            hidden_NF *= self._factor
            hidden_NF += self._shift
            logits_N2[block] = self._output(np.maximum(hidden_NF, 0, out=hidden_NF))
        return logits_N2


def build_mlp(tensors: Mapping[str, Tensor], name: str, width: int, hidden_width: int = HIDDEN_WIDTH) -> MLP:
    """Build a perceptron from its tensors, strictly."""
    with torch.device("meta"):
        model = MLP(width, hidden_width)
    _fill(model, tensors, name)
    return model


def build_head(tensors: Mapping[str, Tensor], name: str, width: int, classes: int) -> Head:
    """Build a linear layer from its tensors, strictly."""
    with torch.device("meta"):
        model = Head(width, classes)
    _fill(model, tensors, name)
    return model


def _fill(model: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    expected = model.state_dict()
    problems = [f"{key} is missing" for key in expected.keys() - tensors.keys()]
    problems += [f"{key!r:.100} is not known" for key in tensors.keys() - expected.keys()]
    for key in expected.keys() & tensors.keys():
        found, wanted = tensors[key], expected[key]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            problems.append(
                f"{key} is {found.dtype} {tuple(found.shape)} instead of {wanted.dtype} {tuple(wanted.shape)}"
            )
        elif not found.isfinite().all():
            problems.append(f"{key} holds numbers that are not finite")
        elif key == "bn1.running_var" and not (found > 0).all():
            problems.append(f"{key} holds variances that are not positive")
    if problems:
        raise WeightsError(f"{name}: {'; '.join(sorted(problems))}")
    model.load_state_dict(dict(tensors), assign=True)
    model.eval().requires_grad_(False)
