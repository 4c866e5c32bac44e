"""The classifier: a small perceptron over a row of features, and the one file it lives in.

The file is `.safetensors`; its header says what features the classifier fits, so that none of another kind is ever
scored. Scores are computed in float64 on the CPU and rounded once: in float32 they would change in the last digits with
the number of rows that share a matrix product, and with the number of threads.

References
----------
``MLPClassifier`` in ``train.py`` of https://github.com/Li-Jing-1997/VirNucPro; names of tensors are those.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from virnucpro.errors import ConfigError, DimensionError, WeightsError
from virnucpro.features.spec import FeatureContract
from virnucpro.records import EmbeddingTable

__all__ = ["CLASSES", "HIDDEN_WIDTH", "MLP", "Classifier", "build_mlp", "load_classifier", "serialise_classifier"]

HIDDEN_WIDTH = 512
CLASSES: Final = ("host", "viral")
"""What the two scores are of; labels are their places."""

FORMAT = 1
_HEADER = "virnucpro_classifier"
"""The one key of the file's metadata: safetensors writes several in random order, and equal files should be equal."""

_ROWS_AT_A_TIME = 1024
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


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained perceptron with the contract of its features.

    Attributes
    ----------
    model : MLP
        The network, in evaluation mode, float32, on the CPU.
    contract : FeatureContract
        What features it fits.
    training : dict
        How it came to be: settings, split, best epoch; or what it was imported from.
    name : str
        Its path, for messages.
    sha256 : str
        Digest of its file; empty when it was never in one.
    calibration : dict or None
        How its scores become calls, as `virnucpro.scoring.calibration` reads it; None for scores as they are.
    """

    model: MLP
    contract: FeatureContract
    training: dict[str, Any] = field(default_factory=dict)
    name: str = "classifier"
    sha256: str = ""
    calibration: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.model.hidden_layer.in_features != self.contract.width:
            raise DimensionError(
                f"{self.name} takes rows of {self.model.hidden_layer.in_features} numbers, and its contract describes "
                f"{self.contract.width}"
            )

    def require(self, features: FeatureContract) -> list[str]:
        """Refuse features of another kind, before any work."""
        try:
            return self.contract.require(features)
        except (ConfigError, DimensionError) as error:
            raise type(error)(f"{self.name}: {error}; use the classifier's own encoders and window") from error

    def score_table(self, table: EmbeddingTable, features: FeatureContract) -> NDArray[np.float32]:
        """Score rows of which a contract is known."""
        return self.score(self.own_columns(table, features))

    def own_columns(self, table: EmbeddingTable, features: FeatureContract) -> NDArray[np.float32]:
        """Take the numbers that this classifier needs from rows of which a contract is known."""
        self.require(features)
        return table.vectors[:, features.columns(self.contract.modality)]

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows; each row's scores are the same in any company.

        Parameters
        ----------
        features : numpy.ndarray, shape (n, width), float32
            The numbers that this classifier takes, no more and no fewer.

        Returns
        -------
        numpy.ndarray, shape (n, 2), float32
            Probabilities of host (score1) and viral (score2).

        Raises
        ------
        DimensionError
            If rows have another width.
        """
        scores = np.empty((len(features), len(CLASSES)), np.float32)
        for block, logits in self._logits(features):
            scores[block] = F.softmax(logits, dim=1).numpy()
        return scores

    def log_odds(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Weigh viral against host, without the bounds of a probability; the same in any company.

        Parameters
        ----------
        features : numpy.ndarray, shape (n, width), float32
            As for `score`.

        Returns
        -------
        numpy.ndarray, shape (n,), float64
            Natural logarithm of the probability of viral over that of host.

        Raises
        ------
        DimensionError
            If rows have another width.
        """
        odds = np.empty(len(features))
        for block, logits in self._logits(features):
            odds[block] = (logits[:, 1] - logits[:, 0]).numpy()
        return odds

    @torch.inference_mode()
    def _logits(self, features: NDArray[np.float32]) -> Iterator[tuple[slice, Tensor]]:
        """Logits of host and viral, float64, block by block."""
        if features.ndim != 2 or features.shape[1] != self.contract.width:
            raise DimensionError(
                f"{self.name} takes rows of {self.contract.width} numbers, not an array of shape {features.shape}"
            )
        for start in range(0, len(features), _ROWS_AT_A_TIME):
            block = slice(start, start + _ROWS_AT_A_TIME)
            yield block, self._exact(torch.from_numpy(features[block].astype(np.float64)))

    @cached_property
    def _exact(self) -> MLP:
        return copy.deepcopy(self.model).double().eval()


def serialise_classifier(classifier: Classifier) -> bytes:
    """Give a classifier as the content of its file."""
    header = {
        "format": FORMAT,
        "window_bp": classifier.contract.window_bp,
        "modality": classifier.contract.modality,
        "encoders": classifier.contract.to_dict(),
        "widths": {"input": classifier.contract.width, "hidden": classifier.model.hidden_layer.out_features},
        "classes": CLASSES,
        "training": classifier.training,
        **classifier.contract.additions,
        **({} if classifier.calibration is None else {"calibration": classifier.calibration}),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in classifier.model.state_dict().items()}
    return save(tensors, {_HEADER: json.dumps(header)})


def load_classifier(path: str | Path) -> Classifier:
    """Load a classifier, strictly.

    Parameters
    ----------
    path : path
        A file that `virnucpro train` or `import-classifier` wrote.

    Returns
    -------
    Classifier
        Ready to score.

    Raises
    ------
    WeightsError
        If the file is absent, damaged, of another format, or a tensor is missing, extra or misshaped; names it.
    """
    file = Path(path)
    if file.suffix in (".pth", ".pt", ".bin", ".pkl"):
        raise WeightsError(f"{file} is a pickled file, which may hold code; take it over with import-classifier")
    try:
        with safe_open(file, framework="pt") as opened:
            header = json.loads((opened.metadata() or {})[_HEADER])
            tensors = {name: _widened(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118
        if header["format"] != FORMAT or tuple(header["classes"]) != CLASSES:
            raise WeightsError(
                f"{file} has format {header['format']!r} and classes {header['classes']}; this version reads format "
                f"{FORMAT} with classes {list(CLASSES)}"
            )
        contract = FeatureContract.from_dict(header["encoders"])
        widths, training = header["widths"], header["training"]
    except KeyError as error:
        raise WeightsError(f"{file} is no classifier of VirNucPro: its header has no {error}") from error
    except (SafetensorError, OSError, TypeError, ValueError, ConfigError) as error:
        raise WeightsError(f"{file} cannot be read as a classifier: {error}; is it complete?") from error
    told = {"window_bp": header["window_bp"], "modality": header["modality"], "input width": widths["input"]}
    told |= {key: header[key] for key in ("frames", "windows_bp") if key in header}
    meant = {"window_bp": contract.window_bp, "modality": contract.modality, "input width": contract.width}
    meant |= contract.additions
    if told != meant:
        raise WeightsError(f"{file} contradicts itself: its header says {told}, its encoders {meant}")
    model = build_mlp(tensors, str(file), contract.width, widths["hidden"])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Classifier(model, contract, training, str(file), digest, header.get("calibration"))


def _widened(tensor: Tensor) -> Tensor:
    """Numbers that were written in half precision are worked with in float32, all exactly as they were."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def build_mlp(tensors: dict[str, Tensor], name: str, width: int, hidden_width: int = HIDDEN_WIDTH) -> MLP:
    """Build a perceptron from its tensors, strictly."""
    with torch.device("meta"):
        model = MLP(width, hidden_width)
    expected = model.state_dict()
    problems = [f"{key} is missing" for key in expected.keys() - tensors.keys()]
    problems += [f"{key} is not known" for key in tensors.keys() - expected.keys()]
    for key in expected.keys() & tensors.keys():
        found, wanted = tensors[key], expected[key]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            problems.append(
                f"{key} is {found.dtype} {tuple(found.shape)} instead of {wanted.dtype} {tuple(wanted.shape)}"
            )
        elif not found.isfinite().all():
            problems.append(f"{key} holds numbers that are not finite")
    if problems:
        raise WeightsError(f"{name}: {'; '.join(sorted(problems))}")
    model.load_state_dict(tensors, assign=True)
    return model.eval().requires_grad_(False)
