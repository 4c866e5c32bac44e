"""Repetitions in alternation, so that ratios are of neighbours in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from benchmarks.gpu_report.scale import Scale
from benchmarks.pairs import Interval
from benchmarks.worker import matrix_peak, timed


@dataclass
class Timing:
    """Seconds of every repetition, and the peak of matrix products just before each."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    def rate(self, amount: float) -> Interval:
        """Amount per second."""
        return Interval.of([amount / seconds for seconds in self.seconds])

    def share(self, flop: float) -> Interval:
        """Share of the peak."""
        pairs = zip(self.seconds, self.peaks, strict=True)
        return Interval.of([flop / seconds / peak for seconds, peak in pairs])

    def times_as_fast_as(self, other: Timing) -> Interval:
        """Ratio of neighbours."""
        return Interval.of_ratios(other.seconds, self.seconds)


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
