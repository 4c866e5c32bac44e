"""From log odds of rows to evidence that means the same at every length, and to what a call at it costs.

A classifier that brings a calibration was measured on sequences without relatives among those it had seen; these are
the curves that came of it. Every curve is piecewise linear in the logarithm of the length between its knots, and
constant outside them. Evidence is a log odds for a share of viral input of one half; another share moves it by
`prior_logit`.
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


def prior_logit(prior: float) -> float:
    """Give what a share of viral input adds to evidence.

    Examples
    --------
    >>> prior_logit(0.5)
    0.0
    """
    if not 0 < prior < 1:
        raise ConfigError(f"a share of viral input of {prior} decides every call by itself; give one between 0 and 1")
    return math.log(prior / (1 - prior))


@dataclass(frozen=True, slots=True)
class LengthCurves:
    """Slope and intercept by length."""

    lengths: tuple[float, ...]  # knots, in bases, ascending
    slope: tuple[float, ...]  # one for every knot; slopes are positive
    intercept: tuple[float, ...]  # one for every knot; slopes are positive

    def apply(self, logits: ArrayLike, lengths_bp: ArrayLike) -> NDArray[np.float64]:
        """Take logits to evidence."""
        where = np.log(np.asarray(lengths_bp, np.float64))
        slope, intercept = (np.interp(where, np.log(self.lengths), curve) for curve in (self.slope, self.intercept))
        evidence: NDArray[np.float64] = slope * np.asarray(logits, np.float64) + intercept
        return evidence


@dataclass(frozen=True, slots=True)
class Operating:
    """What calling everything from some evidence on does, by length."""

    z: tuple[float, ...]  # evidence, ascending
    # shares of others and of viruses that are called; one row for every knot of the record's lengths, one number for
    # every `z`
    fpr: tuple[tuple[float, ...], ...]
    # shares of others and of viruses that are called; one row for every knot of the record's lengths, one number for
    # every `z`
    tpr: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a calibrated classifier's header says of its scores."""

    window: LengthCurves  # for windows, by their bases; for records, by theirs
    gamma: float  # how much windows of one record count as independent: 0 not at all, 1 wholly
    record: LengthCurves  # for windows, by their bases; for records, by theirs
    thresholds: Mapping[Level, tuple[float, ...]]  # by level, least evidence of a virus at every knot of `record`
    operating: Operating  # false and true positives by evidence

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Calibration:
        """Read what `to_dict` gave, strictly."""
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
        """Give it as JSON takes it."""
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

    def window_logits(self, logits: ArrayLike, lengths_bp: ArrayLike) -> NDArray[np.float64]:
        """Take the logits of windows to their evidence."""
        return self.window.apply(logits, lengths_bp)

    def record_logit(self, window_logits: Sequence[float] | NDArray[np.float64], length_bp: int) -> float:
        """Give the evidence of a record."""
        together = len(window_logits) ** self.gamma * float(np.mean(window_logits))
        return float(self.record.apply(together, length_bp))

    def threshold(self, level: Level, length_bp: int) -> float:
        """Give the least evidence of a virus."""
        return float(np.interp(math.log(length_bp), np.log(self.record.lengths), self.thresholds[level]))

    def fdr(self, z: float, length_bp: int, prior: float) -> float:
        """Estimate the share of false ones among records of a length that would be called from some evidence on."""
        called = (1 - prior) * self._at_length(self.operating.fpr, length_bp)
        both = called + prior * self._at_length(self.operating.tpr, length_bp)
        rates = np.divide(called, both, out=np.ones_like(both), where=both > 0)
        return float(np.interp(z, self.operating.z, np.minimum.accumulate(rates)))

    def _at_length(self, rows: tuple[tuple[float, ...], ...], length_bp: int) -> NDArray[np.float64]:
        """One row for a length, between those of the two knots beside it."""
        knots = np.arange(len(rows))
        place = float(np.interp(math.log(length_bp), np.log(self.record.lengths), knots))
        low = int(place)
        high = min(low + 1, len(rows) - 1)
        row: NDArray[np.float64] = np.array(rows[low]) + (place - low) * (np.array(rows[high]) - np.array(rows[low]))
        return row


def _numbers(content: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(number) for number in content)


def _curves(content: Mapping[str, Any]) -> LengthCurves:
    return LengthCurves(*(_numbers(content[key]) for key in ("lengths", "slope", "intercept")))


def _operating(content: Mapping[str, Any]) -> Operating:
    fpr, tpr = (tuple(_numbers(row) for row in content[key]) for key in ("fpr", "tpr"))
    return Operating(_numbers(content["z"]), fpr, tpr)


def _problems(made: Calibration) -> list[str]:
    """All that a calibration must not be."""
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
