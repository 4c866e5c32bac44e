"""Estimate the viral share of a sample from its scores."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.calibration import prior_logit
from virnucpro.scoring.windows import probability

__all__ = ["MIN_RECORDS", "ScoreHistogram"]

MIN_RECORDS: Final = 1000
"""With fewer scored records, the estimate is unreliable."""

LOWEST, HIGHEST, STEP = -30.0, 30.0, 0.02
STEPS: Final = 200


class ScoreHistogram:
    """A histogram of calibrated log-odds, for any number of records."""

    def __init__(self) -> None:
        self._middles = np.arange(LOWEST, HIGHEST, STEP) + STEP / 2
        self._counts = np.zeros(len(self._middles))

    def add(self, scores: NDArray[np.float64]) -> None:
        """Count scores, given as probabilities for a viral share of one half; NaN is ignored."""
        known = np.clip(scores[~np.isnan(scores)], 1e-15, 1 - 1e-15)
        places = (np.log(known / (1 - known)) - LOWEST) / STEP
        np.add.at(self._counts, np.clip(places.astype(np.int64), 0, len(self._counts) - 1), 1)

    @property
    def records(self) -> int:
        """Number of scores counted."""
        return int(self._counts.sum())

    def viral_share(self) -> float:
        """Maximum-likelihood estimate of the share, by expectation maximisation over two classes."""
        share, records = 0.5, self._counts.sum()
        lowest = 1 / (2 * records)
        for _ in range(STEPS):
            viral = probability(self._middles + prior_logit(share))
            share = float(np.clip((self._counts * viral).sum() / records, lowest, 1 - lowest))
        return share
