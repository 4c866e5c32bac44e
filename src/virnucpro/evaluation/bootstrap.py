"""Confidence intervals by a bootstrap over records: rows of one genome are not independent.

Records of each class are drawn with replacement, so every draw has both classes. A draw only changes the weights of
rows, which are ranked once; scikit-learn ranks them again for every metric, which takes 18 times as long (100 ms for a
draw of 100,000 rows).

References
----------
.. [1] Efron and Tibshirani (1993), An introduction to the bootstrap, chapters 8 and 13 (percentile intervals).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virnucpro.evaluation.metrics import FALSE_POSITIVE_RATES, METRICS, THRESHOLD

__all__ = ["Ranking", "bootstrap_intervals"]

Floats = NDArray[np.float64]


class Ranking:
    """Rows sorted by score, highest first; computes metrics for any weights."""

    def __init__(
        self, labels: NDArray[np.int64], scores: NDArray[np.floating], called: NDArray[np.bool_] | None = None
    ) -> None:
        self.labels = labels
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)  # ties end together
        self._viral = labels[self._order] == 1
        self._called = (scores >= THRESHOLD) if called is None else called
        probabilities = scores.astype(np.float64)
        tiny = np.finfo(np.float64).eps  # as in scikit-learn's log_loss
        self._losses = -np.log(np.clip(np.where(labels == 1, probabilities, 1 - probabilities), tiny, 1 - tiny))

    def figures(self, weights: Floats | None = None) -> dict[str, float]:
        """Compute all of `METRICS`."""
        weights = np.ones(len(self.labels)) if weights is None else weights
        viral = self.labels == 1
        called = float(weights[self._called].sum())
        true_viral = float(weights[self._called & viral].sum())
        all_viral, total = float(weights[viral].sum()), float(weights.sum())
        false_viral, missed = called - true_viral, all_viral - true_viral
        true_non_viral = total - all_viral - false_viral
        covariance = true_viral * true_non_viral - false_viral * missed
        spread = np.sqrt(called * (total - called)) * np.sqrt(all_viral * (total - all_viral))
        found, false_alarms = self._found(weights)
        return {
            "accuracy": _ratio(true_viral + true_non_viral, total),
            "precision": _ratio(true_viral, called),
            "recall": _ratio(true_viral, all_viral),
            "f1": _ratio(2 * true_viral, called + all_viral),
            "auroc": _auroc(found, false_alarms),
            "auprc": _auprc(found, false_alarms),
            "mcc": _ratio(covariance, float(spread)),
            **{name: _recall_at(found, false_alarms, rate) for name, rate in FALSE_POSITIVE_RATES.items()},
            "log_loss": _ratio(float(weights @ self._losses), total),
        }

    def _found(self, weights: Floats) -> tuple[Floats, Floats]:
        """Cumulative weight of viral and of non-viral rows, from the highest score down."""
        ranked = weights[self._order]
        return np.cumsum(ranked * self._viral)[self._ends], np.cumsum(ranked * ~self._viral)[self._ends]


def bootstrap_intervals(
    ranking: Ranking, records: NDArray[np.int64], draws: int = 1000, seed: int = 42
) -> dict[str, tuple[float, float]]:
    """Estimate 95 % intervals of every metric; `records` is the record of each row.

    Where all draws agree, they say nothing of the spread, as with one record in a class or without any error: NaN.
    """
    # A record with rows of both classes counts once in each.
    _, first, unit_of_row = np.unique(2 * records + ranking.labels, return_index=True, return_inverse=True)
    of_class = [np.flatnonzero(ranking.labels[first] == label) for label in (0, 1)]
    generator = np.random.default_rng(seed)
    figures = np.empty((draws, len(METRICS)))
    for draw in range(draws):
        times = np.zeros(len(first))
        for units in of_class:
            times[units] = np.bincount(generator.integers(len(units), size=len(units)), minlength=len(units))
        found = ranking.figures(times[unit_of_row])
        figures[draw] = [found[name] for name in METRICS]
    low, high = np.percentile(figures, [2.5, 97.5], axis=0)
    same = low == high
    low[same] = high[same] = np.nan
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(METRICS)}


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


def _auroc(found: Floats, false_alarms: Floats) -> float:
    """Area under the ROC curve by the trapezoidal rule; ties count half."""
    found, false_alarms = np.append(0.0, found), np.append(0.0, false_alarms)
    area = float(np.sum(np.diff(false_alarms) * (found[1:] + found[:-1]) / 2))
    return _ratio(area, float(found[-1] * false_alarms[-1]))


def _auprc(found: Floats, false_alarms: Floats) -> float:
    """Average precision, without interpolation."""
    called = found + false_alarms
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    return _ratio(float(np.sum(np.diff(np.append(0.0, found)) * precision)), float(found[-1]))


def _recall_at(found: Floats, false_alarms: Floats, rate: float) -> float:
    kept = int(np.searchsorted(false_alarms, rate * false_alarms[-1] * (1 + 1e-9), "right"))
    return _ratio(float(found[kept - 1]), float(found[-1])) if kept else 0.0
