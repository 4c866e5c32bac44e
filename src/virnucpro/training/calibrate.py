"""Calibration by length: from a classifier's log-odds to probabilities, thresholds and error rates.

It is fitted on records that neither trained the classifier nor chose its epoch. Windows get a Platt curve [1]_ by
length. Runs of 1, 2, 4, ... adjacent windows of a record serve as contigs of these lengths. From them follow the rule
that pools the windows of a record, Platt curves for records, and thresholds and error rates by length.

References
----------
.. [1] Platt (1999), Probabilistic outputs for support vector machines, with his smoothed targets, which keep the slope
   finite where the classes are separable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from virnucpro.errors import ConfigError, counted
from virnucpro.scoring.calibration import LEVELS, Calibration, LengthCurves, Level, Operating

__all__ = ["FALSE_POSITIVE_RATES", "CalibrationWindows", "fit_calibration", "platt", "require_enough"]

FALSE_POSITIVE_RATES: Final[Mapping[Level, float]] = {"conservative": 0.005, "default": 0.025, "relaxed": 0.1}
"""Share of non-viral sequences of any length that a level calls viral."""

MIN_SEQUENCES: Final = 10
"""Minimum number per class for any calibration: a false positive rate of 10 % needs ten."""
KNOT_SEQUENCES: Final = {0: 200, 1: 50}
"""Minimum number per class for a length to have its own curves: a rate of 0.5 % needs 200 non-viral sequences."""
FEW_RECORDS: Final = 20
"""With fewer non-viral records, thresholds come with a warning."""
MAX_PER_RECORD: Final = 1000
"""Maximum number of sequences of one length from one record, so that a large genome does not dominate."""
MAX_RUN: Final = 64

GAMMAS = np.arange(0, 1.01, 0.05)
GRID = np.arange(-8, 8.01, 0.5)
MIN_SLOPE: Final = 0.02

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CalibrationWindows:
    """Scored windows with known labels, in the order of their record; one entry per window in every array."""

    labels: Integers  # (windows,) 0 non-viral, 1 viral
    log_odds: Floats  # (windows,) mean of the window's rows
    records: Integers  # (windows,) record of each window
    lengths_bp: Integers  # (windows,)


def require_enough(viral: int, non_viral: int) -> None:
    """Refuse to calibrate on too few windows."""
    if min(viral, non_viral) < MIN_SEQUENCES:
        raise ConfigError(
            f"the calibration part has {viral} viral and {non_viral} non-viral windows, and at least {MIN_SEQUENCES} "
            "of each are needed; give more records or a larger calibration share"
        )


def fit_calibration(windows: CalibrationWindows) -> tuple[Calibration, list[str]]:
    """Fit a calibration; also return warnings for the user."""
    require_enough(int((windows.labels == 1).sum()), int((windows.labels == 0).sum()))
    warnings: list[str] = []
    of_windows = _knots(windows.lengths_bp, windows.labels)
    window = _curves(of_windows, windows.log_odds, windows.labels, warnings)
    log_odds = window.apply(windows.log_odds, windows.lengths_bp)
    contigs = _contigs(windows)
    knots = _knots(contigs.lengths_bp, contigs.labels)
    gamma = _fit_gamma(contigs, log_odds, knots)
    pooled = contigs.pool(log_odds, gamma)
    record = _curves(knots, pooled, contigs.labels, warnings)
    z = record.apply(pooled, contigs.lengths_bp)
    at_knots = {length: (z[rows], contigs.labels[rows] == 1) for length, rows in knots.items()}
    thresholds = {
        level: tuple(_threshold(z[~viral], level, length, warnings) for length, (z, viral) in at_knots.items())
        for level in LEVELS
    }
    rates = [_rates(z, viral) for z, viral in at_knots.values()]
    operating = Operating(_plain(GRID), tuple(fpr for fpr, _ in rates), tuple(tpr for _, tpr in rates))
    non_viral = len(np.unique(windows.records[windows.labels == 0]))
    if non_viral < FEW_RECORDS:
        found = counted(non_viral, "non-viral record")
        warnings.append(f"the thresholds rest on {found}; at least {FEW_RECORDS} are advisable")
    return Calibration(window, gamma, record, thresholds, operating), warnings


def platt(log_odds: Floats, labels: Integers) -> tuple[float, float]:
    """Fit slope and intercept of a logistic curve; both classes have the same total weight."""
    viral = labels == 1
    numbers = np.array([np.count_nonzero(~viral), np.count_nonzero(viral)])
    targets = np.where(viral, (numbers[1] + 1) / (numbers[1] + 2), 1 / (numbers[0] + 2))
    weights = len(labels) / (2 * numbers[labels])
    if np.ptp(log_odds) > 0:
        fitted = LogisticRegression(C=1e9, solver="newton-cholesky", tol=1e-8).fit(
            np.tile(log_odds, 2)[:, None],
            np.repeat([1, 0], len(labels)),
            np.concatenate((weights * targets, weights * (1 - targets))),
        )
        if fitted.coef_[0, 0] >= MIN_SLOPE:
            return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return MIN_SLOPE, -MIN_SLOPE * float(np.average(log_odds, weights=weights))


@dataclass(frozen=True, eq=False)
class _Contigs:
    """Runs of adjacent windows of a record, in several lengths; they overlap."""

    window_rows: Integers  # windows of the first contig, of the second, ...
    owners: Integers  # contig of each of these windows
    labels: Integers  # (contigs,)
    lengths_bp: Integers  # (contigs,) bases of their windows, added up

    def pool(self, log_odds: Floats, gamma: float) -> Floats:
        """Number of windows to the power of `gamma`, times their mean log-odds."""
        sizes = np.bincount(self.owners)
        return np.asarray(sizes ** (gamma - 1) * np.bincount(self.owners, log_odds[self.window_rows]), np.float64)


def _contigs(windows: CalibrationWindows) -> _Contigs:
    order = np.lexsort((np.arange(len(windows.records)), windows.records, windows.labels))
    _, starts, sizes = np.unique(
        windows.labels[order] * (windows.records.max() + 1) + windows.records[order],
        return_index=True, return_counts=True,
    )  # fmt: skip
    within = np.arange(len(order)) - np.repeat(starts, sizes)  # position of each window in its record
    in_record = np.repeat(sizes, sizes)
    window_rows, owners, number = [], [], 0
    run = 1
    while run <= min(MAX_RUN, int(sizes.max())):
        place, runs = within // run, in_record // run
        every = -(-runs // MAX_PER_RECORD)
        chosen = np.flatnonzero((place < runs) & (place % np.maximum(every, 1) == 0))
        window_rows.append(order[chosen])
        owners.append(number + np.arange(len(chosen)) // run)
        number += len(chosen) // run
        run *= 2
    rows, of_contig = np.concatenate(window_rows), np.concatenate(owners)
    first = np.flatnonzero(np.diff(of_contig, prepend=-1))
    lengths = np.bincount(of_contig, windows.lengths_bp[rows]).astype(np.int64)
    return _Contigs(rows, of_contig, windows.labels[rows[first]], lengths)


def _knots(lengths_bp: Integers, labels: Integers) -> dict[int, Integers]:
    """Sequences by length class, from one power of two to the next, under their median length.

    A class with too few sequences has no knot; if no class has enough, the largest one has the only knot.
    """
    classes = np.log2(lengths_bp).astype(np.int64)
    kept, most = {}, (-1, 0)
    for number in np.unique(classes):
        of_class = classes == number
        counts = [int((of_class & (labels == label)).sum()) for label in (0, 1)]
        most = max(most, (min(counts), int(number)))
        if all(counts[label] >= needed for label, needed in KNOT_SEQUENCES.items()):
            kept[int(number)] = np.flatnonzero(of_class)
    kept = kept or {most[1]: np.flatnonzero(classes == most[1])}
    found = {int(np.median(lengths_bp[rows])): rows for rows in kept.values()}
    for rows in found.values():
        require_enough(int((labels[rows] == 1).sum()), int((labels[rows] == 0).sum()))
    return found


def _curves(knots: Mapping[int, Integers], log_odds: Floats, labels: Integers, warnings: list[str]) -> LengthCurves:
    fitted = []
    for length, rows in knots.items():
        fitted.append(platt(log_odds[rows], labels[rows]))
        if fitted[-1][0] == MIN_SLOPE:
            warnings.append(f"at about {length} bp the scores do not tell viral from non-viral sequences")
    slopes, intercepts = zip(*fitted, strict=True)
    return LengthCurves(_plain(list(knots)), _plain(slopes), _plain(intercepts))


def _fit_gamma(contigs: _Contigs, log_odds: Floats, knots: Mapping[int, Integers]) -> float:
    """Choose the gamma with the best calibrated pooled log-odds; 0 if no contig has two windows."""
    if len(contigs.window_rows) == len(contigs.labels):
        return 0.0
    losses = []
    for gamma in GAMMAS:
        pooled = contigs.pool(log_odds, gamma)
        losses.append(sum(_loss(pooled[rows], contigs.labels[rows] == 1) for rows in knots.values()))
    return round(float(GAMMAS[int(np.argmin(losses))]), 2)


def _loss(z: Floats, viral: NDArray[np.bool_]) -> float:
    """Log loss; both classes have the same total weight."""
    return float(np.logaddexp(0, -z[viral]).mean() + np.logaddexp(0, z[~viral]).mean())


def _threshold(non_viral: Floats, level: Level, length_bp: int, warnings: list[str]) -> float:
    """Lowest log-odds that at most the level's share of non-viral sequences exceeds."""
    rate, needed = FALSE_POSITIVE_RATES[level], round(1 / FALSE_POSITIVE_RATES[level])
    if len(non_viral) < needed:
        warnings.append(
            f"{level}: {len(non_viral)} non-viral sequences of about {length_bp} bp cannot show {rate:.1%} false "
            f"positives ({needed} needed); the threshold is just above their highest score"
        )
        rate = 0.0
    chosen = float(np.quantile(non_viral, 1 - rate, method="higher"))
    return math.floor(chosen * 1e4 + 1) / 1e4  # just above any ties


def _rates(z: Floats, viral: NDArray[np.bool_]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """False and true positive rates over `GRID`; false positive rates count one more sequence, so they are never 0."""
    called = z[:, None] >= GRID
    unseen = 1 / np.count_nonzero(~viral)
    return _plain((called[~viral].mean(axis=0) + unseen) / (1 + unseen)), _plain(called[viral].mean(axis=0))


def _plain(numbers: object) -> tuple[float, ...]:
    return tuple(round(float(number), 5) for number in np.asarray(numbers, np.float64))
