"""Calibration: log-odds that mean the same at every length, thresholds by length, and false discovery rates.

The curves are measured on sequences without relatives in the training data. Between its knots, each is piecewise linear
in the logarithm of the length; outside them, it is constant. Calibrated log-odds assume that half of the input is
viral; `prior_logit` corrects for another share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virnucpro.errors import ConfigError, WeightsError

__all__ = ["LEVELS", "Calibration", "LengthCurves", "Level", "Operating", "prior_logit"]

Level = Literal["conservative", "default", "relaxed"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

FDR_ROWS: Final = 4096
"""Records whose rates are computed together; each needs a row of the operating table."""


def prior_logit(prior: float) -> float:
    """Log-odds to add to calibrated log-odds for a viral share of the input.

    Examples
    --------
    >>> prior_logit(0.5)
    0.0
    """
    if not 0 < prior < 1:
        raise ConfigError(f"a prior of {prior} decides every call by itself; give one between 0 and 1")
    return math.log(prior / (1 - prior))


@dataclass(frozen=True, slots=True)
class LengthCurves:
    """Slope and intercept by length."""

    lengths: tuple[float, ...]  # knots, in bases, ascending
    slope: tuple[float, ...]  # positive, one for every knot
    intercept: tuple[float, ...]  # one for every knot

    def apply(self, logits: ArrayLike, lengths_bp: ArrayLike) -> NDArray[np.float64]:
        """Calibrate log-odds."""
        where = np.log(np.asarray(lengths_bp, np.float64))
        slope, intercept = (np.interp(where, np.log(self.lengths), curve) for curve in (self.slope, self.intercept))
        calibrated: NDArray[np.float64] = slope * np.asarray(logits, np.float64) + intercept
        return calibrated

    def undo(self, log_odds: ArrayLike, lengths_bp: ArrayLike) -> NDArray[np.float64]:
        """Convert calibrated log-odds back to logits."""
        at_zero, at_one = self.apply(0, lengths_bp), self.apply(1, lengths_bp)
        logits: NDArray[np.float64] = (np.asarray(log_odds, np.float64) - at_zero) / (at_one - at_zero)
        return logits


@dataclass(frozen=True, slots=True)
class Operating:
    """False and true positive rates by threshold and length."""

    z: tuple[float, ...]  # calibrated log-odds, ascending
    # shares of non-viral and of viral records that score at least z: a row for every knot of the record curves
    fpr: tuple[tuple[float, ...], ...]
    tpr: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration in a classifier's header."""

    window: LengthCurves  # for windows, by their length
    gamma: float  # how far windows of one record count as independent: 0 not at all, 1 fully
    record: LengthCurves  # for records, by the bases that their scored windows cover
    thresholds: Mapping[Level, tuple[float, ...]]  # by level, minimum log-odds at every knot of `record`
    operating: Operating

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Calibration:
        """Parse what `to_dict` gave, strictly."""
        try:
            made = cls(
                _curves(content["window"]),
                float(content["gamma"]),
                _curves(content["record"]),
                {level: _numbers(content["thresholds"][level]) for level in LEVELS},
                _operating(content["operating"]),
            )
        except KeyError as error:
            raise WeightsError(f"the calibration of the classifier lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise WeightsError(f"the calibration of the classifier cannot be read: {error}") from error
        problems = [f"{key} is not known" for key in sorted(content.keys() - made.to_dict().keys())]
        if problems := problems + list(_problems(made)):
            raise WeightsError(f"the calibration of the classifier is wrong: {'; '.join(problems)}")
        return made

    def to_dict(self) -> dict[str, Any]:
        """Convert to a JSON object."""
        curves = {
            name: {"lengths": list(c.lengths), "slope": list(c.slope), "intercept": list(c.intercept)}
            for name, c in (("window", self.window), ("record", self.record))
        }
        rates = {name: [list(row) for row in getattr(self.operating, name)] for name in ("fpr", "tpr")}
        return {
            "window": curves["window"],
            "gamma": self.gamma,
            "record": curves["record"],
            "thresholds": {level: list(self.thresholds[level]) for level in LEVELS},
            "operating": {"z": list(self.operating.z), **rates},
        }

    def window_log_odds(self, logits: ArrayLike, lengths_bp: ArrayLike) -> NDArray[np.float64]:
        """Calibrate the log-odds of windows."""
        return self.window.apply(logits, lengths_bp)

    def record_log_odds(
        self, window_means: NDArray[np.float64], windows: NDArray[np.int64], lengths_bp: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Calibrated log-odds of records, from the mean and the number of their windows' log-odds; all of shape (n,).

        Their absolute values grow with the number of windows to the power of `gamma`.
        """
        return self.record.apply(windows**self.gamma * window_means, lengths_bp)

    def threshold(self, level: Level, lengths_bp: ArrayLike) -> NDArray[np.float64]:
        """Minimum log-odds to call records of these lengths viral."""
        where = np.log(np.asarray(lengths_bp, np.float64))
        found: NDArray[np.float64] = np.interp(where, np.log(self.record.lengths), self.thresholds[level])
        return found

    def fdr(self, z: NDArray[np.float64], lengths_bp: NDArray[np.int64], prior: float) -> NDArray[np.float64]:
        """Share of false calls among all records of a length that score at least `z`, before any prior; shape (n,)."""
        blocks = [
            self._fdr(z[start : start + FDR_ROWS], lengths_bp[start : start + FDR_ROWS], prior)
            for start in range(0, len(z), FDR_ROWS)
        ]
        return np.concatenate(blocks) if blocks else np.empty(0)

    def threshold_of_fdr(self, max_fdr: float, lengths_bp: NDArray[np.int64], prior: float) -> NDArray[np.float64]:
        """Minimum log-odds, before any prior, from which the rate of `fdr` is at most `max_fdr`; infinite if never."""
        grid = np.array(self.operating.z)
        lengths, place = np.unique(lengths_bp, return_inverse=True)
        rates = self._rates(lengths, prior)
        low_enough = rates <= max_fdr
        first = low_enough.argmax(axis=1)
        rows, before = np.arange(len(lengths)), np.maximum(first - 1, 0)
        above, below = rates[rows, before], rates[rows, first]
        share = np.divide(above - max_fdr, above - below, out=np.ones_like(above), where=above > below)
        found = np.where(first > 0, grid[before] + share * (grid[first] - grid[before]), -np.inf)
        limits: NDArray[np.float64] = np.where(low_enough.any(axis=1), found, np.inf)[place]
        return limits

    def non_viral_quantile(self, share: float, lengths_bp: NDArray[np.int64]) -> NDArray[np.float64]:
        """Calibrated log-odds below which this share of non-viral windows of these lengths lies."""
        passing = np.minimum.accumulate(self._at_lengths(self.operating.fpr, lengths_bp), axis=1)
        z = [np.interp(1 - share, row[::-1], self.operating.z[::-1]) for row in passing]
        return self.record.undo(np.array(z), lengths_bp)

    def _rates(self, lengths_bp: NDArray[np.int64], prior: float) -> NDArray[np.float64]:
        """False discovery rate at every z of the operating table: shape (n, numbers of z)."""
        false = (1 - prior) * self._at_lengths(self.operating.fpr, lengths_bp)
        called = false + prior * self._at_lengths(self.operating.tpr, lengths_bp)
        rates = np.divide(false, called, out=np.ones_like(called), where=called > 0)
        found: NDArray[np.float64] = np.minimum.accumulate(rates, axis=1)  # the rate never rises with the score
        return found

    def _fdr(self, z: NDArray[np.float64], lengths_bp: NDArray[np.int64], prior: float) -> NDArray[np.float64]:
        rates = self._rates(lengths_bp, prior)
        grid = np.array(self.operating.z)
        place = np.interp(z, grid, np.arange(len(grid)))
        low = place.astype(np.int64)
        high = np.minimum(low + 1, len(grid) - 1)
        rows = np.arange(len(z))
        found: NDArray[np.float64] = rates[rows, low] + (place - low) * (rates[rows, high] - rates[rows, low])
        return found

    def _at_lengths(self, curves: tuple[tuple[float, ...], ...], lengths_bp: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rates at lengths between the knots: shape (n, numbers of z)."""
        table = np.array(curves)
        place = np.interp(np.log(lengths_bp), np.log(self.record.lengths), np.arange(len(table)))
        low = place.astype(np.int64)
        high = np.minimum(low + 1, len(table) - 1)
        found: NDArray[np.float64] = table[low] + (place - low)[:, None] * (table[high] - table[low])
        return found


def _numbers(content: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(number) for number in content)


def _curves(content: Mapping[str, Any]) -> LengthCurves:
    return LengthCurves(*(_numbers(content[key]) for key in ("lengths", "slope", "intercept")))


def _operating(content: Mapping[str, Any]) -> Operating:
    fpr, tpr = (tuple(_numbers(row) for row in content[key]) for key in ("fpr", "tpr"))
    return Operating(_numbers(content["z"]), fpr, tpr)


def _problems(made: Calibration) -> list[str]:
    """List everything that is wrong with a calibration."""
    knots, grid = len(made.record.lengths), made.operating.z
    rows = (*made.operating.fpr, *made.operating.tpr)
    levels = [made.thresholds[level] for level in LEVELS]
    curves = (made.window, made.record)
    everything = [number for c in curves for part in (c.lengths, c.slope, c.intercept) for number in part]
    everything += [made.gamma, *grid, *(n for row in (*rows, *levels) for n in row)]
    wrong = {
        "a number is not finite": not all(map(math.isfinite, everything)),
        "lengths are not positive and ascending": not all(_ascend(c.lengths) and c.lengths[0] > 0 for c in curves),
        "slopes or intercepts are not as many as lengths": any(
            len(part) != len(c.lengths) for c in curves for part in (c.slope, c.intercept)
        ),
        "a slope is not positive": any(slope <= 0 for c in curves for slope in c.slope),
        f"gamma is {made.gamma}, not 0 to 1": not 0 <= made.gamma <= 1,
        "thresholds are not as many as lengths": any(len(level) != knots for level in levels),
        "a careful level has a lower threshold than a less careful one": any(
            careful < less for higher, lower in pairwise(levels) for careful, less in zip(higher, lower, strict=False)
        ),
        "z does not ascend": not _ascend(grid),
        "rates are not as many as lengths and z": any(
            len(rates) != knots or any(len(row) != len(grid) for row in rates)
            for rates in (made.operating.fpr, made.operating.tpr)
        ),
        "a rate is not between 0 and 1": any(not 0 <= rate <= 1 for row in rows for rate in row),
    }
    return [problem for problem, found in wrong.items() if found]


def _ascend(numbers: Sequence[float]) -> bool:
    return len(numbers) > 0 and all(first < second for first, second in pairwise(numbers))
