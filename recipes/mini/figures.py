"""Figures of one length, with 95 % intervals by genome, for all viruses and hosts and for each kind of them.

Genomes of each class are drawn with replacement, relatives together, as they are not independent; all models are
measured on the same draws, so that differences between them have intervals, too. A class of one group widens none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes.mini.genomes import VIRAL_CLASSES
from recipes.mini.samples import Sample
from virnucpro.evaluation.bootstrap import Ranking
from virnucpro.evaluation.metrics import calibration_error

__all__ = ["FIGURES", "groups_of", "measure_models"]

FIGURES = ("auroc", "auprc", "recall_at_1", "recall_at_5")

Scores = Mapping[str, NDArray[np.float64]]


def groups_of(sample: Sample) -> dict[str, NDArray[np.bool_]]:
    """Name the comparisons, and which sequences each is made of.

    Parameters
    ----------
    sample : Sample
        Of one length.

    Returns
    -------
    dict of str to numpy.ndarray, shape (n,), bool
        All; each kind of virus against all hosts; all viruses against each kind of host.
    """
    found = {"all": np.ones(len(sample.classes), np.bool_)}
    for kind, name in sample.names.items():
        of_kind = sample.classes == kind
        others = ~sample.viral if kind < VIRAL_CLASSES else sample.viral
        words = "{} against all hosts" if kind < VIRAL_CLASSES else "all viruses against {}"
        found[words.format(name)] = of_kind | others
    return found


def measure_models(
    sample: Sample, logits: Scores, calibrated: Mapping[str, NDArray[np.float64]], draws: int, seed: int = 42
) -> dict[str, Any]:
    """Measure some models on the same sequences.

    Parameters
    ----------
    sample : Sample
        Of one length.
    logits : mapping of str to numpy.ndarray, shape (n,), float64
        By model; the first is compared with every other.
    calibrated : mapping of str to numpy.ndarray, shape (n,), float64
        Probabilities, of the models that give them.
    draws : int
        Of the bootstrap.
    seed : int, default: 42
        Of the bootstrap.

    Returns
    -------
    dict
        By group and model, each figure as [value, low, high]; ``lead`` is the first model's AUROC less another's.
    """
    times = _draws(sample, draws, seed)
    first = next(iter(logits))
    found: dict[str, Any] = {}
    for group, chosen in groups_of(sample).items():
        part = _Part(sample.viral[chosen], sample.weights[chosen], times[:, chosen])
        drawn = {name: _figures(part, scores[chosen]) for name, scores in logits.items()}
        facts: dict[str, Any] = {name: _with_intervals(values) for name, values in drawn.items()}
        for name in list(logits)[1:]:
            lead = {"lead": drawn[first]["auroc"] - drawn[name]["auroc"]}
            facts[name] |= _with_intervals(lead)
        for name, scores in calibrated.items():
            error = calibration_error(part.labels, scores[chosen], part.balanced(0))
            facts[name]["calibration_error"] = round(error, 4)
        relatives = len(np.unique(sample.groups[chosen]))
        found[group] = {"sequences": int(chosen.sum()), "groups": relatives, **facts}
    return found


def _draws(sample: Sample, draws: int, seed: int) -> NDArray[np.float64]:
    """How often each sequence counts in each draw of groups; in the first, once. Classes keep their weights."""
    rng = np.random.default_rng(seed)
    times = np.ones((draws + 1, len(sample.classes)))
    for kind in sample.names:
        here = np.flatnonzero(sample.classes == kind)
        names, group = np.unique(sample.groups[here], return_inverse=True)
        for draw in range(draws):
            picked = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
            counted = picked[group]
            times[draw + 1, here] = counted * len(here) / counted.sum()
    return times


@dataclass(frozen=True, eq=False)
class _Part:
    """The sequences of one comparison: labels, weights, and how often each counts in each draw."""

    viral: NDArray[np.bool_]
    weights: NDArray[np.float64]
    times: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.viral.astype(np.int64)

    def balanced(self, draw: int) -> NDArray[np.float64]:
        """Weights in a draw: viral sequences have one half of them, the others the other."""
        weights: NDArray[np.float64] = self.weights * self.times[draw]
        for side in (self.viral, ~self.viral):
            weights[side] /= 2 * weights[side].sum()
        return weights


def _figures(part: _Part, scores: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Every figure in every draw."""
    ranking = Ranking(part.labels, scores)
    found = np.empty((len(FIGURES), len(part.times)))
    for draw in range(len(part.times)):
        weights = part.balanced(draw)
        figures = ranking.figures(weights)
        few = [ranking.recall_at(rate, weights) for rate in (0.01, 0.05)]
        found[:, draw] = (figures["auroc"], figures["auprc"], *few)
    return dict(zip(FIGURES, found, strict=True))


def _with_intervals(drawn: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    """The value and the borders of 95 % of the draws."""
    return {
        name: [round(float(number), 4) for number in (values[0], *np.percentile(values[1:], [2.5, 97.5]))]
        for name, values in drawn.items()
    }
