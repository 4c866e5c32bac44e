"""From log odds to probabilities and calls: curves over length, fitted on families that training did not see.

The form is the one that the package reads: slope and intercept at knots of length, linear in the logarithm of length
between them; windows first, then records as the mean of their windows; thresholds by level at the same knots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes.mini.data import CLASSES, VIRAL

__all__ = ["HOST_MIX", "LEVELS", "Scored", "balanced_weights", "calibrate", "expected_error", "fit_line"]

HOST_MIX = {"bacteria": 0.45, "archaea": 0.08, "plasmid": 0.12, "organelle": 0.05, "eukaryote": 0.30}
"""Share of each kind among the hosts for which false positives are stated; the viral half is half phages."""
LEVELS = {"conservative": (0.005, 0.01), "default": (0.025, 0.05), "relaxed": (0.10, 0.15)}
"""False positives over the mix, and at most of any one of bacteria and eukaryotes."""
CAPPED = ("bacteria", "eukaryote")
RIDGE = 1.0
"""Pull of a slope towards 1, in windows."""
GRID = np.linspace(-8, 8, 65)


@dataclass(frozen=True, eq=False)
class Scored:
    """Sequences of one length with their scores.

    Attributes
    ----------
    length : int
        Bases.
    z : numpy.ndarray, shape (sequences,), float64
        Log odds of being viral.
    classes : numpy.ndarray, shape (sequences,), int64
        Index into `CLASSES`.
    """

    length: int
    z: NDArray[np.float64]
    classes: NDArray[np.int64]

    @property
    def viral(self) -> NDArray[np.bool_]:
        """Whether each is viral."""
        return self.classes < VIRAL


def balanced_weights(classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights that make half of all viral, half of those phages, and the hosts `HOST_MIX`; they add up to 1."""
    shares = {"phage": 0.25, "eukaryotic_virus": 0.25, **{name: share / 2 for name, share in HOST_MIX.items()}}
    counts = np.bincount(classes, minlength=len(CLASSES))
    weights = np.array([shares[name] / max(count, 1) for name, count in zip(CLASSES, counts, strict=True)])[classes]
    return np.asarray(weights / weights.sum())


def fit_line(z: NDArray[np.float64], viral: NDArray[np.bool_], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept of a logistic regression, by Newton's method."""
    weights = weights * len(z) / weights.sum()
    columns = np.stack([z, np.ones_like(z)], axis=1)
    beta = np.array([1.0, 0.0])

    def cost(beta: NDArray[np.float64]) -> float:
        value = columns @ beta
        losses = weights * (np.logaddexp(0, value) - viral * value)
        return float(losses.sum() + RIDGE / 2 * ((beta - (1, 0)) ** 2).sum())

    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(columns @ beta, -50, 50)))
        gradient = columns.T @ (weights * (p - viral)) + RIDGE * (beta - (1, 0))
        hessian = (columns * (weights * p * (1 - p))[:, None]).T @ columns + RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while cost(beta - step) > cost(beta) and np.abs(step).max() > 1e-9:
            step = step / 2
        beta = beta - step
        if np.abs(step).max() < 1e-9:
            break
    return max(float(beta[0]), 0.05), float(beta[1])


def expected_error(z: NDArray[np.float64], viral: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Expected calibration error over 15 bins of equal weight."""
    p = 1 / (1 + np.exp(-np.clip(z, -50, 50)))
    order = np.argsort(p)
    total = np.cumsum(weights[order]) / weights.sum()
    bins = np.minimum((total * 15).astype(int), 14)
    error = 0.0
    for number in range(15):
        rows = order[bins == number]
        if len(rows):
            share = weights[rows].sum()
            error += abs((weights[rows] * (p[rows] - viral[rows])).sum()) / max(share, 1e-12) * share
    return float(error / weights.sum())


def threshold_of(scored: Scored, z: NDArray[np.float64], level: str) -> float:
    """Least score at which a level's bounds hold."""
    mixed, capped = LEVELS[level]
    weights = balanced_weights(scored.classes)
    hosts = ~scored.viral
    order = np.argsort(-z[hosts])
    share = np.cumsum(weights[hosts][order]) / weights[hosts].sum()
    found = [z[hosts][order][min(int(np.searchsorted(share, mixed)), len(order) - 1)]]
    for name in CAPPED:
        own = z[scored.classes == CLASSES.index(name)]
        if len(own):
            found.append(np.quantile(own, 1 - capped))
    return float(max(found))


def calibrate(windows: list[Scored], records: list[Scored]) -> dict[str, Any]:
    """Fit all curves.

    Parameters
    ----------
    windows : list of Scored
        Single windows, by ascending length.
    records : list of Scored
        Sequences of several windows, longer than those; `z` is the mean of their windows' log odds.

    Returns
    -------
    dict
        ``window``, ``gamma``, ``record``, ``thresholds``, ``operating``.
    """
    lines = [fit_line(one.z, one.viral, balanced_weights(one.classes)) for one in windows]
    lengths = [float(one.length) for one in windows]
    window = {"lengths": lengths, "slope": [line[0] for line in lines], "intercept": [line[1] for line in lines]}
    knots, slopes, intercepts = list(lengths), [1.0] * len(lines), [0.0] * len(lines)
    calibrated = [line[0] * one.z + line[1] for line, one in zip(lines, windows, strict=True)]
    sets = list(windows)
    for one in records:
        slope, intercept = lines[-1]
        evidence = slope * one.z + intercept
        line = fit_line(evidence, one.viral, balanced_weights(one.classes))
        knots.append(float(one.length))
        slopes.append(line[0])
        intercepts.append(line[1])
        calibrated.append(line[0] * evidence + line[1])
        sets.append(one)
    found = {level: [threshold_of(one, z, level) for one, z in zip(sets, calibrated, strict=True)] for level in LEVELS}
    thresholds = {level: _settled(_smoothed(found[level]), len(windows)) for level in LEVELS}
    fpr: list[list[float]] = []
    tpr: list[list[float]] = []
    for one, z in zip(sets, calibrated, strict=True):
        weights = balanced_weights(one.classes)
        unseen = 1 / max(int(np.count_nonzero(~one.viral)), 1)  # one more host, so that no rate of false positives is 0
        for rows, rates, more in ((~one.viral, fpr, unseen), (one.viral, tpr, 0.0)):
            called = [float(weights[rows & (z >= edge)].sum() / max(weights[rows].sum(), 1e-12)) for edge in GRID]
            rates.append([min((rate + more) / (1 + more), 1.0) for rate in called])
    return {
        "window": window,
        "gamma": 0.0,
        "record": {"lengths": knots, "slope": slopes, "intercept": intercepts},
        "thresholds": thresholds,
        "operating": {"z": GRID.tolist(), "fpr": fpr, "tpr": tpr},
    }


def _smoothed(values: list[float]) -> list[float]:
    """Mean of neighbouring knots, 1:2:1: a threshold at one length rests on few hosts' tails."""
    padded = np.pad(values, 1, mode="edge")
    return [float(value) for value in (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4]


def _settled(values: list[float], windows: int) -> list[float]:
    """Let no threshold of several windows exceed that of one: long sequences of hosts are few, their tails chance."""
    return [*values[: windows - 1], *np.minimum.accumulate(values[windows - 1 :]).tolist()]


def apply_line(curve: dict[str, list[float]], z: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Slope and intercept of a length, applied."""
    where = np.log(curve["lengths"])
    slope, intercept = (float(np.interp(np.log(length), where, curve[name])) for name in ("slope", "intercept"))
    return slope * z + intercept
