"""Repetitions in alternation, so that ratios are of neighbours in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

import torch

from benchmarks.gpu_report.scale import Scale
from benchmarks.worker import matrix_peak, timed


@dataclass
class Timing:
    """Seconds of every repetition, and the peak of matrix products just before each."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    def rate(self, amount: float) -> float:
        """Amount per second, in the median."""
        return amount / median(self.seconds)

    def share(self, flop: float) -> float:
        """Share of the peak, in the median."""
        pairs = zip(self.seconds, self.peaks, strict=True)
        return median(flop / seconds / peak for seconds, peak in pairs)

    def times_as_fast_as(self, other: Timing) -> float:
        """Ratio of neighbours, in the median."""
        return median(theirs / own for own, theirs in zip(self.seconds, other.seconds, strict=True))


def race(
    runs: Mapping[str, Callable[[], object]], dtypes: Mapping[str, torch.dtype], scale: Scale, repetitions: int
) -> dict[str, Timing]:
    """Time all in turn, again and again."""
    timings = {name: Timing() for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            timings[name].peaks.append(matrix_peak(dtypes[name], scale.device, scale.matrix))
            timings[name].seconds.append(timed(run, scale.device))
    return timings
