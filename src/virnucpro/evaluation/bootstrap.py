"""How far figures would move with other genomes: a bootstrap over records, not rows.

Rows of one genome are not independent: drawing rows would give intervals that are far too narrow. Records of each class
are drawn with replacement, so that every draw has both classes.

References
----------
.. [1] Efron and Tibshirani (1993), An introduction to the bootstrap, chapters 8 and 13 (percentile intervals).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virnucpro.evaluation.metrics import METRICS, Ranking

__all__ = ["bootstrap_intervals"]


def bootstrap_intervals(
    labels: NDArray[np.int64],
    scores: NDArray[np.floating],
    records: NDArray[np.int64],
    draws: int = 1000,
    seed: int = 42,
) -> dict[str, tuple[float, float]]:
    """Estimate 95 % intervals of every metric."""
    ranking = Ranking(labels, scores)
    # A record with rows in both classes counts as one in each.
    _, first, unit_of_row = np.unique(2 * records + labels, return_index=True, return_inverse=True)
    unit_labels = labels[first]
    generator = np.random.default_rng(seed)
    figures = np.empty((draws, len(METRICS)))
    for draw in range(draws):
        times = np.zeros(len(first))
        for label in (0, 1):
            of_class = np.flatnonzero(unit_labels == label)
            times[of_class] = np.bincount(
                generator.integers(len(of_class), size=len(of_class)), minlength=len(of_class)
            )
        found = ranking.figures(times[unit_of_row])
        figures[draw] = [found[name] for name in METRICS]
    low, high = np.percentile(figures, [2.5, 97.5], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(METRICS)}
