"""A classifier: a trained network and the spec of its features, together in one file.

The file is `.safetensors`. Its header holds the feature spec, so that features of another kind are never scored.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from virnucpro.errors import ConfigError, DimensionError, InputError, WeightsError, shown
from virnucpro.features.spec import FeatureSpec
from virnucpro.models.catalog import MINI
from virnucpro.models.classifier import CLASSES, MLP, ExactHead, ExactMLP, Network, build_head, build_mlp
from virnucpro.models.json_text import MAX_JSON_BYTES, parse_object
from virnucpro.models.packaged import PACKAGED_FOLDER, not_here
from virnucpro.models.weights import require_readable

__all__ = ["Classifier", "load_classifier", "serialise_classifier"]

FORMAT: Final = 2
_HEADER: Final = "virnucpro_classifier"
"""The only metadata key: safetensors writes several in random order, and equal classifiers should give equal files."""

VIRAL_CLASSES: Final = ("viral", "phage", "eukaryotic_virus")
"""Classes whose probabilities add up to the viral one."""

MAX_TENSORS, MAX_CLASSES, MAX_HIDDEN = 16, 64, 1 << 16


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Scores of feature rows."""

    scores: NDArray[np.float32]  # (n, 2) probabilities of non-viral and viral
    log_odds: NDArray[np.float64]  # (n,) viral against non-viral
    classes: NDArray[np.float32]  # (n, classes) probabilities by class; no columns without classes


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network with the spec of its features.

    Attributes
    ----------
    model : MLP or Head
        The network, in evaluation mode, float32, on the CPU.
    spec : FeatureSpec
        Which features it takes.
    training : dict
        How it was made: settings, split, best epoch; or what it was imported from.
    name : str
        Its path, for messages.
    sha256 : str
        Digest of its file; empty when it was never in one.
    calibration : dict or None
        How its scores become calls, as `virnucpro.scoring.calibration` reads it; None for scores as they are.
    classes : tuple of str
        What its logits are of; those in `VIRAL_CLASSES` are viral.
    """

    model: Network
    spec: FeatureSpec
    training: dict[str, Any] = field(default_factory=dict)
    name: str = "classifier"
    sha256: str = ""
    calibration: dict[str, Any] | None = None
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        layer = self.model.hidden_layer if isinstance(self.model, MLP) else self.model.output_layer
        if layer.in_features != self.spec.width:
            raise DimensionError(
                f"{self.name} takes rows of {layer.in_features} numbers, and its spec describes {self.spec.width}"
            )
        if not 0 < sum(self.is_viral) < len(self.classes):
            raise ConfigError(f"{self.name} tells {', '.join(self.classes)[:200]} apart, not viral from non-viral")

    @property
    def is_viral(self) -> tuple[bool, ...]:
        """Which classes are viral."""
        return tuple(name in VIRAL_CLASSES for name in self.classes)

    def require(self, features: FeatureSpec) -> list[str]:
        """Refuse features of another kind before any work; return what could not be compared."""
        try:
            return self.spec.require(features)
        except (ConfigError, DimensionError) as error:
            raise type(error)(f"{self.name}: {error}; use the classifier's own encoders and window") from error

    def score_rows(self, features: NDArray[np.float32]) -> ScoredRows:
        """Compute probabilities, log-odds and class probabilities of rows."""
        logits = self._logits(features)
        odds = self._odds(logits)
        if len(self.classes) == len(CLASSES):
            return ScoredRows(_probabilities(odds), odds, np.empty((len(features), 0), np.float32))
        weights = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        classes = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
        return ScoredRows(_probabilities(odds), odds, classes)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows; a row's scores do not depend on the other rows, to the last bit.

        Parameters
        ----------
        features : numpy.ndarray, shape (n, width), float32
            The numbers that this classifier takes, no more and no fewer.

        Returns
        -------
        numpy.ndarray, shape (n, 2), float32
            Probabilities of non-viral (score1) and viral (score2).

        Raises
        ------
        DimensionError
            If rows have another width.
        InputError
            If a row holds NaN or infinity.
        """
        return _probabilities(self.log_odds(features))

    def log_odds(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Weigh viral against non-viral, without the bounds of a probability; independent of other rows like `score`.

        Parameters
        ----------
        features : numpy.ndarray, shape (n, width), float32
            As for `score`.

        Returns
        -------
        numpy.ndarray, shape (n,), float64
            Natural logarithm of the probability of viral over that of non-viral.

        Raises
        ------
        DimensionError
            If rows have another width.
        InputError
            If a row holds NaN or infinity.
        """
        return self._odds(self._logits(features))

    def _logits(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits by class, shape (n, classes)."""
        if features.ndim != 2 or features.shape[1] != self.spec.width:
            raise DimensionError(
                f"{self.name} takes rows of {self.spec.width} numbers, not an array of shape {features.shape}"
            )
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            raise InputError(f"row {int(np.argmin(finite))} of the features holds numbers that are not finite")
        return self._exact.logits(features)

    def _odds(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of all viral classes together."""
        viral = np.array(self.is_viral)
        odds: NDArray[np.float64] = np.logaddexp.reduce(logits[:, viral], axis=1)
        odds -= np.logaddexp.reduce(logits[:, ~viral], axis=1)
        return odds

    @cached_property
    def _exact(self) -> ExactMLP | ExactHead:
        return ExactMLP(self.model) if isinstance(self.model, MLP) else ExactHead(self.model)


def _probabilities(odds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Probabilities of non-viral and viral, shape (n, 2)."""
    smaller = np.exp(-np.abs(odds))
    likely, unlikely = 1 / (1 + smaller), smaller / (1 + smaller)
    scores = np.stack((np.where(odds > 0, unlikely, likely), np.where(odds > 0, likely, unlikely)), axis=1)
    return scores.astype(np.float32)


def serialise_classifier(classifier: Classifier) -> bytes:
    """Serialise a classifier as the content of its file."""
    header = {
        "format": FORMAT,
        "window_bp": classifier.spec.window_bp,
        "modality": classifier.spec.modality,
        "encoders": classifier.spec.to_dict(),
        "widths": {"input": classifier.spec.width, "hidden": _hidden_width(classifier.model)},
        "classes": classifier.classes,
        "training": classifier.training,
        **classifier.spec.additions,
        **({} if classifier.calibration is None else {"calibration": classifier.calibration}),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in classifier.model.state_dict().items()}
    return save(tensors, {_HEADER: json.dumps(header)})


def _hidden_width(model: Network) -> int:
    """Width of the hidden layer; 0 for a network without one."""
    return model.hidden_layer.out_features if isinstance(model, MLP) else 0


def load_classifier(path: str | Path) -> Classifier:
    """Load a classifier; everything in its file is checked before it is used.

    Parameters
    ----------
    path : path
        ``"mini"``, the packaged classifier, or a ``.safetensors`` file that ``virnucpro train`` or
        ``virnucpro import-classifier`` wrote.

    Returns
    -------
    Classifier
        Ready to score.

    Raises
    ------
    WeightsError
        If the file is absent, damaged or of another format, or if a tensor is missing, extra, misshaped, not finite or,
        for variances, not positive; the message names it.

    Examples
    --------
    >>> from virnucpro import load_classifier
    >>> classifier = load_classifier("mini")
    >>> classifier.classes
    ('phage', 'eukaryotic_virus', 'bacteria', 'archaea', 'plasmid', 'organelle', 'eukaryote')
    """
    if str(path) == MINI:
        return replace(_load(_packaged()), name=MINI)
    file = Path(path)
    if not os.path.exists(file):  # Path.exists raises for long names
        raise ConfigError(
            f"{shown(str(file))}: no such file; a classifier is {MINI}, or a file from 'virnucpro train' or 'virnucpro "
            "import-classifier'"
        )
    return _load(file)


def _packaged() -> Path:
    path = PACKAGED_FOLDER / MINI / "classifier.safetensors"
    if not path.exists():
        raise not_here(MINI, path)
    return path


def _load(file: Path) -> Classifier:
    """Load a file; everything in it is checked before it is used."""
    if file.suffix in (".pth", ".pt", ".bin", ".pkl"):
        raise WeightsError(f"{file} is a pickled file, which may hold code; take it over with import-classifier")
    require_readable(file)
    try:
        with safe_open(file, framework="pt") as opened:
            header = _read_header(file, opened.metadata() or {})
            names = list(opened.keys())
            spec, hidden = _described(file, header)
            first = "hidden_layer.weight" if hidden else "output_layer.weight"
            expected = (hidden or len(header["classes"]), spec.width)
            found = tuple(opened.get_slice(first).get_shape()) if first in names else None
            if len(names) > MAX_TENSORS or found != expected:
                raise WeightsError(
                    f"{file} contradicts itself: its header says {expected} numbers in {first}, and of its "
                    f"{len(names)} tensors that one has {found}"
                )
            tensors = {name: _widened(opened.get_tensor(name)) for name in names}
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except KeyError as error:
        raise WeightsError(f"{file} is no classifier of VirNucPro: its header has no {error}") from error
    except (SafetensorError, OSError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise WeightsError(f"{file} cannot be read as a classifier: {error!s:.300}; is it complete?") from error
    classes = tuple(header["classes"])
    model: Network = (
        build_mlp(tensors, str(file), spec.width, hidden)
        if hidden
        else build_head(tensors, str(file), spec.width, len(classes))
    )
    try:
        return Classifier(model, spec, header["training"], str(file), digest, header.get("calibration"), classes)
    except ConfigError as error:
        raise WeightsError(str(error)) from error


def _read_header(file: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Read the header of a classifier; check the type of every value that is used later."""
    text = metadata[_HEADER]
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"a header of {len(text)} characters")
    header = parse_object(text)
    classes = header["classes"]
    if header["format"] != FORMAT:
        raise WeightsError(f"{file} has format {header['format']!r:.100}; this version reads format {FORMAT}")
    if not isinstance(classes, list) or not 2 <= len(classes) <= MAX_CLASSES:
        raise TypeError(f"classes are {classes!r:.100}")
    if not all(isinstance(name, str) and len(name) <= 100 for name in classes) or len(set(classes)) < len(classes):
        raise TypeError(f"classes are {classes!r:.100}")
    if not isinstance(header["training"], dict) or not isinstance(header.get("calibration", {}), dict):
        raise TypeError("training or calibration is not an object")
    return header


def _described(file: Path, header: Mapping[str, Any]) -> tuple[FeatureSpec, int]:
    """Read spec and hidden width; values that a header holds twice must agree."""
    spec, widths = FeatureSpec.from_dict(header["encoders"]), header["widths"]
    hidden = widths["hidden"]
    if not isinstance(hidden, int) or isinstance(hidden, bool) or not 0 <= hidden <= MAX_HIDDEN:
        raise ValueError(f"a hidden width of {hidden!r:.100}")
    told: dict[str, Any] = {
        "window_bp": header["window_bp"],
        "modality": header["modality"],
        "input width": widths["input"],
    }
    if hidden and header["classes"] != list(CLASSES):
        raise ValueError(f"a perceptron with classes {header['classes']!r:.100}")
    told |= {"rows": header.get("rows", "open"), "windows_bp": header.get("windows_bp")}
    meant: dict[str, Any] = {
        "window_bp": spec.window_bp,
        "modality": spec.modality,
        "input width": spec.width,
        "rows": spec.rows,
    }
    meant["windows_bp"] = None if spec.windows_bp is None else list(spec.windows_bp)
    if told != meant:
        raise WeightsError(f"{file} contradicts itself: its header says {told!r:.500}, its encoders {meant}")
    return spec, hidden


def _widened(tensor: Tensor) -> Tensor:
    """Convert half-precision tensors to float32, which is exact."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor
