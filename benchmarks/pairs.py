"""Ratios of two contestants that ran in turn, pair by pair, with an interval that makes no assumption about noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FEWEST, CONFIDENCE = 5, 0.9
"""With five pairs, the median lies between the smallest and the largest ratio in 15 of 16 cases."""


@dataclass(frozen=True)
class Interval:
    """A median, and where it lies in at least nine of ten repetitions of the whole measurement."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """The narrowest interval of order statistics that the sign test allows."""
        ordered, count = sorted(values), len(values)
        left_out = 0
        while 2 * _chance(left_out + 1, count) <= 1 - CONFIDENCE:
            left_out += 1
        return cls(statistics.median(ordered), ordered[left_out], ordered[-1 - left_out], count)

    @classmethod
    def of_ratios(cls, above: Sequence[float], below: Sequence[float]) -> Interval:
        """The interval of ratios, each of one pair."""
        return cls.of([a / b for a, b in zip(above, below, strict=True)])

    def verdict(self, is_met: Callable[[float], bool]) -> str:
        """Whether both ends of the interval meet a target, or neither."""
        if self.count < FEWEST:
            return "too few pairs"
        ends = {is_met(self.low), is_met(self.high)}
        return "undecided" if len(ends) == 2 else "met" if ends == {True} else "missed"

    def text(self, form: str) -> str:
        """Median and interval."""
        return f"{form.format(self.median)} ({form.format(self.low)} to {form.format(self.high)}, n = {self.count})"


def _chance(left_out: int, count: int) -> float:
    """That so few of the values, or fewer, lie on one side of the true median."""
    return sum(math.comb(count, k) for k in range(left_out + 1)) / 2**count
