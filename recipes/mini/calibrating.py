"""Fit, on the validation side, what makes calls of logits: slopes by length, the rule for records, thresholds, rates.

References
----------
.. [1] Platt (1999), Probabilistic outputs for support vector machines: a slope and an intercept for each length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.mini.samples import Sample
from virnucpro.scoring.calibration import LEVELS, Calibration, LengthCurves, Level, Operating

__all__ = [
    "HELD",
    "MAX_FALSE_POSITIVES",
    "RECORDS_BP",
    "WINDOWS_BP",
    "Scored",
    "evidence",
    "fit_calibration",
    "mean_by",
]

WINDOWS_BP = (50, 100, 150, 300, 500, 1000)
RECORDS_BP = (50, 100, 150, 300, 500, 1000, 3000, 10_000)

MAX_FALSE_POSITIVES: Mapping[Level, float] = {"conservative": 0.01, "default": 0.05, "relaxed": 0.15}
"""Share of each kind of host in `HELD` that may be called at a level."""

HELD = ("bacteria", "plasmid", "organelle", "eukaryote")
"""Not archaea: with one group on a side, thresholds would be that group's own; the report tells their share.
Eukaryotes have one group there, too, but are what users meet: the threshold of one is better than none."""

GAMMAS = np.arange(0, 1.01, 0.05)
GRID = np.arange(-8, 8.01, 0.5)
LEAST_SLOPE = 0.02
RIDGE = 1e-9
"""Keeps the curvature from being singular."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A sample and the logits of its windows.

    Attributes
    ----------
    sample : Sample
        Sequences of one length.
    owners, lengths_bp : numpy.ndarray, shape (windows,), int64
        Sequence and bases of each window.
    logits : numpy.ndarray, shape (windows,), float64
        Mean logits of their rows.
    """

    sample: Sample
    owners: NDArray[np.int64]
    lengths_bp: NDArray[np.int64]
    logits: NDArray[np.float64]


def fit_calibration(windows: Mapping[int, Scored], records: Mapping[int, Scored]) -> Calibration:
    """Fit a calibration.

    Parameters
    ----------
    windows : mapping of int to Scored
        By length: sequences that are one window each.
    records : mapping of int to Scored
        By length: sequences in windows of the usual length.

    Returns
    -------
    Calibration
        Its knots are these lengths.
    """
    of_windows = [platt(scored.logits, scored.sample) for scored in windows.values()]
    window = _curves(windows, of_windows)
    gamma = _fit_gamma(window, records)
    together = {length: evidence(scored, window, gamma) for length, scored in records.items()}
    record = _curves(records, [platt(together[length], scored.sample) for length, scored in records.items()])
    final = {length: record.apply(z, length) for length, z in together.items()}
    thresholds = {
        level: tuple(_threshold(final[length], scored.sample, level) for length, scored in records.items())
        for level in LEVELS
    }
    rates = [_rates(final[length], scored.sample) for length, scored in records.items()]
    operating = Operating(_plain(GRID), tuple(fpr for fpr, _ in rates), tuple(tpr for _, tpr in rates))
    return Calibration(window, gamma, record, thresholds, operating)


def evidence(scored: Scored, window: LengthCurves, gamma: float) -> NDArray[np.float64]:
    """Join the windows of each sequence.

    Parameters
    ----------
    scored : Scored
        Sequences and windows.
    window : LengthCurves
        Calibration of windows.
    gamma : float
        How much windows of one sequence count as independent.

    Returns
    -------
    numpy.ndarray, shape (sequences,), float64
        Number of windows to the power of `gamma`, times their mean evidence.
    """
    of_windows = window.apply(scored.logits, scored.lengths_bp)
    return np.asarray(np.bincount(scored.owners) ** gamma * mean_by(scored.owners, of_windows), np.float64)


def mean_by(owners: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average the values of each owner.

    Parameters
    ----------
    owners : numpy.ndarray, shape (n,), int64
        Which sequence each value is of, from 0; every one has a value.
    values : numpy.ndarray, shape (n,), float64
        Logits, say.

    Returns
    -------
    numpy.ndarray, shape (sequences,), float64
        Means.
    """
    return np.asarray(np.bincount(owners, values) / np.bincount(owners), np.float64)


def platt(logits: NDArray[np.float64], sample: Sample) -> tuple[float, float]:
    """Fit a logistic curve with a slope above zero [1]_.

    Parameters
    ----------
    logits : numpy.ndarray, shape (n,), float64
        One for each sequence of the sample.
    sample : Sample
        Labels and weights.

    Returns
    -------
    tuple of float
        Slope and intercept.
    """
    design = np.column_stack((logits, np.ones(len(logits))))
    fitted = np.array([0.5, 0.0])
    for _ in range(50):  # Newton's method
        probabilities = np.exp(-np.logaddexp(0, -(design @ fitted)))
        gradient = design.T @ (sample.weights * (probabilities - sample.viral)) + RIDGE * fitted
        curvature = design.T @ (design * (sample.weights * probabilities * (1 - probabilities))[:, None])
        step = np.linalg.solve(curvature + RIDGE * np.eye(len(fitted)), gradient)
        fitted = fitted - step * min(1.0, 2 / max(np.abs(step).max(), 1e-300))
    return max(float(fitted[0]), LEAST_SLOPE), float(fitted[1])


def _fit_gamma(window: LengthCurves, records: Mapping[int, Scored]) -> float:
    """Choose the gamma at which evidence is a log odds by itself at all lengths, as nearly as it can be."""
    losses = [sum(_loss(evidence(one, window, gamma), one.sample) for one in records.values()) for gamma in GAMMAS]
    return round(float(GAMMAS[int(np.argmin(losses))]), 2)


def _loss(z: NDArray[np.float64], sample: Sample) -> float:
    return float(np.sum(sample.weights * np.logaddexp(0, np.where(sample.viral, -z, z))))


def _threshold(z: NDArray[np.float64], sample: Sample, level: Level) -> float:
    """Least evidence that few enough of every kind of host have."""
    kinds = [kind for kind, name in sample.names.items() if name in HELD]
    share = 1 - MAX_FALSE_POSITIVES[level]
    return round(max(float(np.quantile(z[sample.classes == kind], share)) for kind in kinds), 4)


def _rates(z: NDArray[np.float64], sample: Sample) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Shares of hosts and viruses with so much evidence; never wholly none of the hosts, who are not all known."""
    called = z[:, None] >= GRID
    found = []
    for side in (~sample.viral, sample.viral):
        weights = sample.weights[side] / sample.weights[side].sum()
        found.append(weights @ called[side])
    unseen = 1 / np.count_nonzero(~sample.viral)
    return _plain((found[0] + unseen) / (1 + unseen)), _plain(found[1])


def _curves(lengths: Mapping[int, Scored], fitted: list[tuple[float, float]]) -> LengthCurves:
    slopes, intercepts = zip(*fitted, strict=True)
    return LengthCurves(_plain(list(lengths)), _plain(slopes), _plain(intercepts))


def _plain(numbers: object) -> tuple[float, ...]:
    return tuple(round(float(number), 5) for number in np.asarray(numbers, np.float64))
