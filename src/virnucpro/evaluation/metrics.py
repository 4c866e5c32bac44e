"""How good scores are, given labels: each figure from weighted rows, so that a bootstrap only changes the weights.

A row is called viral when its viral score is at least one half, as VirNucPro does. Figures that would divide by zero
are 0.

References
----------
.. [1] Fawcett (2006), An introduction to ROC analysis.
.. [2] Davis and Goadrich (2006), The relationship between precision-recall and ROC curves.
.. [3] Matthews (1975), Comparison of the predicted and observed secondary structure of T4 phage lysozyme.
.. [4] Naeini et al. (2015), Obtaining well calibrated probabilities using Bayesian binning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["METRICS", "Bin", "Confusion", "Curve", "Ranking", "calibration_error", "measure", "reliability"]

METRICS: Final = ("accuracy", "precision", "recall", "f1", "auroc", "auprc", "mcc")

THRESHOLD = 0.5

Floats = NDArray[np.float64]


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows by label and call."""

    true_viral: float  # viral and host rows that were called viral
    false_viral: float  # viral and host rows that were called viral
    true_host: float  # host and viral rows that were called host
    false_host: float  # host and viral rows that were called host

    @property
    def accuracy(self) -> float:
        """Share of rows that were called what they are."""
        return _ratio(self.true_viral + self.true_host, self.rows)

    @property
    def rows(self) -> float:
        """All of them."""
        return self.true_viral + self.false_viral + self.true_host + self.false_host

    @property
    def precision(self) -> float:
        """Share of viral calls that are viral."""
        return _ratio(self.true_viral, self.true_viral + self.false_viral)

    @property
    def recall(self) -> float:
        """Share of viral rows that were called viral."""
        return _ratio(self.true_viral, self.true_viral + self.false_host)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.true_viral, 2 * self.true_viral + self.false_viral + self.false_host)

    @property
    def mcc(self) -> float:
        """Matthews correlation of labels and calls [3]_."""
        called_viral, called_host = self.true_viral + self.false_viral, self.true_host + self.false_host
        viral, host = self.true_viral + self.false_host, self.true_host + self.false_viral
        covariance = self.true_viral * self.true_host - self.false_viral * self.false_host
        return _ratio(covariance, float(np.sqrt(called_viral * called_host) * np.sqrt(viral * host)))


@dataclass(frozen=True, eq=False)
class Curve:
    """A line to draw."""

    x: Floats  # (points,) Its points
    y: Floats  # (points,) Its points


class Ranking:
    """Rows from the most to the least viral, rows of one score together."""

    def __init__(self, labels: NDArray[np.int64], scores: NDArray[np.floating]) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
        self._viral = labels[self._order] == 1
        self._called = int(np.count_nonzero(scores >= THRESHOLD))

    @cached_property
    def _equal_weights(self) -> Floats:
        return np.ones(len(self._viral))

    def _counts(self, weights: Floats | None) -> tuple[Floats, Floats]:
        """Weight of viral and of host rows among the first 1, 2, ... ranked ones."""
        ranked = self._equal_weights if weights is None else weights[self._order]
        return np.cumsum(ranked * self._viral), np.cumsum(ranked * ~self._viral)

    def confusion(self, weights: Floats | None = None) -> Confusion:
        """Count rows by label and call."""
        return self._confusion(*self._counts(weights))

    def _confusion(self, viral: Floats, host: Floats) -> Confusion:
        true_viral, false_viral = (
            (float(viral[self._called - 1]), float(host[self._called - 1])) if self._called else (0.0, 0.0)
        )
        return Confusion(true_viral, false_viral, float(host[-1]) - false_viral, float(viral[-1]) - true_viral)

    def figures(self, weights: Floats | None = None) -> dict[str, float]:
        """Compute every metric."""
        viral, host = self._counts(weights)
        confusion = self._confusion(viral, host)
        found = viral[self._ends]
        false_alarms = host[self._ends]
        return {
            "accuracy": confusion.accuracy,
            "precision": confusion.precision,
            "recall": confusion.recall,
            "f1": confusion.f1,
            "auroc": _auroc(found, false_alarms),
            "auprc": _auprc(found, false_alarms),
            "mcc": confusion.mcc,
        }

    def recall_at(self, false_positive_rate: float, weights: Floats | None = None) -> float:
        """Find the most viral rows that can be called while few host rows are."""
        viral, host = (counts[self._ends] for counts in self._counts(weights))
        kept = int(np.searchsorted(host, false_positive_rate * host[-1] * (1 + 1e-9), "right"))
        return _ratio(float(viral[kept - 1]), float(viral[-1])) if kept else 0.0

    def roc(self) -> Curve:
        """Trace recall over the share of host rows that are called viral [1]_."""
        viral, host = (np.append(0.0, counts[self._ends]) for counts in self._counts(None))
        return Curve(host / host[-1], viral / viral[-1])

    def precision_recall(self) -> Curve:
        """Trace precision over recall [2]_."""
        viral, host = (counts[self._ends] for counts in self._counts(None))
        precision = viral / (viral + host)
        return Curve(np.append(0.0, viral / viral[-1]), np.append(precision[0], precision))


def _auroc(found: Floats, false_alarms: Floats) -> float:
    """Area under the ROC curve, by trapezia: rows of one score count half."""
    found, false_alarms = np.append(0.0, found), np.append(0.0, false_alarms)
    area = float(np.sum(np.diff(false_alarms) * (found[1:] + found[:-1]) / 2))
    return _ratio(area, float(found[-1] * false_alarms[-1]))


def _auprc(found: Floats, false_alarms: Floats) -> float:
    """Average precision: precision at each score, weighted by the recall that is won there; no interpolation [2]_."""
    called = found + false_alarms
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    return _ratio(float(np.sum(np.diff(np.append(0.0, found)) * precision)), float(found[-1]))


def measure(labels: NDArray[np.int64], scores: NDArray[np.floating]) -> dict[str, float]:
    """Compute every metric of some rows."""
    return Ranking(labels, scores).figures()


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose scores lie in one stretch."""

    low: float  # the stretch; the last one holds its upper end too
    high: float  # the stretch; the last one holds its upper end too
    rows: int  # how many
    mean_score: float | None  # of these rows; None where there are none
    viral_share: float | None  # share of them that is viral; None where there are none


def calibration_error(
    labels: NDArray[np.int64], scores: NDArray[np.floating], weights: Floats | None = None, bins: int = 10
) -> float:
    """Compute the expected calibration error [4]_."""
    place = np.minimum((scores.astype(np.float64) * bins).astype(np.int64), bins - 1)
    kept = np.ones(len(labels)) if weights is None else weights
    distances = np.bincount(place, kept * (scores - labels), bins)
    return _ratio(float(np.abs(distances).sum()), float(kept.sum()))


def reliability(labels: NDArray[np.int64], scores: NDArray[np.floating], bins: int = 10) -> list[Bin]:
    """Compare what scores say with what rows are."""
    place = np.minimum((scores.astype(np.float64) * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins)
    score_sums = np.bincount(place, scores.astype(np.float64), bins)
    viral = np.bincount(place, labels, bins)
    return [
        Bin(
            index / bins,
            (index + 1) / bins,
            int(rows[index]),
            float(score_sums[index] / rows[index]) if rows[index] else None,
            float(viral[index] / rows[index]) if rows[index] else None,
        )
        for index in range(bins)
    ]
