"""Regions: records called viral, and runs of viral windows in records that are not.

A record called viral is one region of kind ``virus``. In any other record, runs of windows are chosen that together
gain most calibrated log-odds (maximal scoring segments [1]_). What the record's own background has above the median
of non-viral sequences is subtracted before. The ends of a run inside the record cost the logarithms of the number of
windows, because one may be at any of them, and of the windows of a long provirus; so a run needs a higher gain in a
chromosome than in a contig. A run is a
``provirus`` if a record of just its windows would be called viral.

References
----------
.. [1] Ruzzo and Tompa (1999), A linear time algorithm for finding all maximal scoring subsequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.calibration import Calibration, prior_logit
from virnucpro.scoring.calls import NON_VIRAL, VIRAL, Calls
from virnucpro.scoring.rule import CallRule
from virnucpro.scoring.windows import ScoredWindows, WindowScores, probability

__all__ = ["PROVIRUS", "VIRUS", "Regions", "best_segments", "find_regions"]

VIRUS, PROVIRUS = "virus", "provirus"

MIN_RECORD_WINDOWS: Final = 5
"""Minimum number of scored windows for a record to be searched for proviruses."""
MIN_WINDOWS: Final = 3
"""Minimum number of scored windows of a provirus."""
MIN_BP: Final = 3000
"""Minimum number of bases in the scored windows of a provirus; a longer unscored gap ends a run."""
BACKGROUND_QUANTILE: Final = 0.25
"""The background of a record is this quantile of its windows; a provirus of up to three quarters does not change it."""
BACKGROUND_WINDOWS: Final = 20
"""Weight, in windows, of the general non-viral background against the record's own."""
USUAL_WINDOWS: Final = 50
"""Windows of a long provirus, 150 kb: where one end lies, the other is as a rule at most so far away."""
TIE: Final = 1e-9

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of some records, by record and position; all of shape (n,) but `classes`."""

    record_rows: Integers  # which of the records
    starts: Integers  # bases of the record, 0-based, half-open
    ends: Integers
    n_windows: Integers  # windows with a score
    score: Floats  # score of a record of just these windows, 0 to 1
    background: Floats  # score of the record's background windows; NaN for a whole record
    kind: NDArray[np.str_]  # virus or provirus
    classes: NDArray[np.float64]  # (n, classes) mean probability of each class

    def __len__(self) -> int:
        return len(self.record_rows)

    @classmethod
    def none(cls, classes: int = 0) -> Self:
        """No regions."""
        whole, real = np.empty(0, np.int64), np.empty(0)
        return cls(whole, whole, whole, whole, real, real, np.empty(0, "<U8"), np.empty((0, classes)))


@dataclass(frozen=True, eq=False)
class _Windows:
    """The scored windows of all records, and the ranges of each record in them."""

    rows: Integers  # (k,) which of all windows
    owners: Integers  # (k,)
    starts: Integers  # (k,)
    ends: Integers  # (k,)
    z: Floats  # (k,) calibrated log-odds
    firsts: Integers  # (records,) first window of each record
    counts: Integers  # (records,)


@dataclass(frozen=True, eq=False)
class _Runs:
    """Runs of scored windows, each of one record."""

    owners: Integers
    begins: Integers  # among the scored windows
    stops: Integers

    def __getitem__(self, chosen: NDArray[np.bool_]) -> _Runs:
        return _Runs(self.owners[chosen], self.begins[chosen], self.stops[chosen])

    @staticmethod
    def join(*some: _Runs) -> _Runs:
        """Concatenate runs."""
        names = ("owners", "begins", "stops")
        return _Runs(*(np.concatenate([getattr(runs, name) for runs in some]) for name in names))

    def sum(self, column: NDArray[np.generic]) -> Floats:
        """Sum a column of windows over every run."""
        ranges = np.column_stack((self.begins, self.stops)).ravel()
        padded = np.append(column.astype(np.float64), 0)  # a run may stop at the last window
        return np.add.reduceat(padded, ranges)[::2] if len(ranges) else np.empty(0)


def find_regions(calls: Calls, scored: ScoredWindows, windows: WindowScores, rule: CallRule) -> Regions:
    """Find the regions of complete records; none without a calibration."""
    if rule.calibration is None:
        return Regions.none(scored.classes.shape[1])
    given = _scored_windows(scored, windows, len(calls))
    background, excess = _backgrounds(given, rule.calibration)
    proviruses = _proviruses(calls, given, excess, rule)
    viral = np.flatnonzero(calls.call == VIRAL)
    firsts = given.firsts[viral]
    runs = _Runs.join(_Runs(viral, firsts, firsts + given.counts[viral]), proviruses)
    is_provirus = np.arange(len(runs.owners)) >= len(viral)
    inside = rule.judge(*_pooled(proviruses, given, given.z))
    score = np.concatenate((calls.score[viral], inside.score))
    outside = np.where(is_provirus, probability(background[runs.owners] + prior_logit(rule.prior)), np.nan)
    classes = np.concatenate((calls.classes[viral], _mean_classes(proviruses, given, scored)))
    kind = np.where(is_provirus, PROVIRUS, VIRUS)
    order = np.lexsort((runs.begins, runs.owners))
    owners, begins, stops = (column[order] for column in (runs.owners, runs.begins, runs.stops))
    return Regions(
        owners, given.starts[begins], given.ends[stops - 1], stops - begins, score[order], outside[order], kind[order],
        classes[order],
    )  # fmt: skip


def best_segments(gains: Floats, end_cost: float) -> list[tuple[int, int]]:
    """Half-open segments with the highest total gain; each end inside `gains` costs `end_cost`.

    If several choices are equally good, it gives their intersection, so the result is the same in both directions.
    """
    inside, outside = (
        ahead + behind[::-1]
        for ahead, behind in zip(_best_until(gains, end_cost), _best_until(gains[::-1], end_cost), strict=True)
    )
    chosen = inside - gains > outside + TIE  # `inside` contains the gain of its own window twice
    edges = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _best_until(gains: Floats, end_cost: float) -> tuple[Floats, Floats]:
    """Highest gain up to each window, with that window inside and outside a segment."""
    inside, outside, found = 0.0, 0.0, []
    for gain in gains.tolist():
        inside, outside = gain + max(inside, outside - end_cost), max(outside, inside - end_cost)
        found.append((inside, outside))
    columns = np.array(found, np.float64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def _scored_windows(scored: ScoredWindows, windows: WindowScores, records: int) -> _Windows:
    rows = np.flatnonzero(windows.has_score)
    owners, starts, ends = (column[rows] for column in (
        scored.windows.record_rows, scored.windows.starts, scored.windows.ends,
    ))  # fmt: skip
    counts = np.bincount(owners, minlength=records)
    return _Windows(rows, owners, starts, ends, windows.log_odds[rows], np.cumsum(counts) - counts, counts)


def _backgrounds(given: _Windows, calibration: Calibration) -> tuple[Floats, Floats]:
    """Log-odds of each record's background, and their excess over the median of non-viral windows, at least 0."""
    background, excess = np.zeros((2, len(given.counts)))
    known = np.flatnonzero(given.counts)
    if not len(known):
        return background, excess
    counts, firsts = given.counts[known], given.firsts[known]
    ordered = given.z[np.lexsort((given.z, given.owners))]
    below, share = np.divmod(BACKGROUND_QUANTILE * (counts - 1), 1)
    low = firsts + below.astype(np.int64)
    high = np.minimum(low + 1, firsts + counts - 1)
    own = (1 - share) * ordered[low] + share * ordered[high]
    lengths, place = np.unique(np.maximum.reduceat(given.ends - given.starts, firsts), return_inverse=True)
    usual = calibration.non_viral_quantile(BACKGROUND_QUANTILE, lengths)[place]
    background[known] = (counts * own + BACKGROUND_WINDOWS * usual) / (counts + BACKGROUND_WINDOWS)
    excess[known] = np.maximum(background[known] - calibration.non_viral_quantile(0.5, lengths)[place], 0)
    return background, excess


def _proviruses(calls: Calls, given: _Windows, excess: Floats, rule: CallRule) -> _Runs:
    """Runs of windows in records that are not viral as a whole."""
    gains = given.z - excess[given.owners]
    places = np.maximum(given.counts, 1)
    end_costs = (np.log(places) + np.log(np.minimum(places, USUAL_WINDOWS))) / 2
    most = np.bincount(given.owners, np.maximum(gains, 0), minlength=len(given.counts))
    searched = (calls.call == NON_VIRAL) & (given.counts >= MIN_RECORD_WINDOWS) & (most > end_costs)
    found = []
    for record in np.flatnonzero(searched).tolist():
        first = int(given.firsts[record])
        stop = first + int(given.counts[record])
        gaps = given.starts[first + 1 : stop] - given.ends[first : stop - 1] > MIN_BP
        borders = [first, *(first + 1 + np.flatnonzero(gaps)).tolist(), stop]
        for begin, end in pairwise(borders):
            segments = best_segments(gains[begin:end], float(end_costs[record]))
            found += [(record, begin + low, begin + high) for low, high in segments]
    runs = _Runs(*np.array(found, np.int64).reshape(-1, 3).T)
    means, windows, covered_bp = _pooled(runs, given, gains)
    long_enough = (windows >= MIN_WINDOWS) & (covered_bp >= MIN_BP)
    return runs[long_enough & (rule.judge(means, windows, covered_bp).margin >= 0)]


def _pooled(runs: _Runs, given: _Windows, log_odds: Floats) -> tuple[Floats, Integers, Integers]:
    """Mean log-odds of every run, its windows, and the bases that they cover; windows overlap."""
    windows = runs.stops - runs.begins
    before = np.concatenate(([0], given.ends[:-1]))[: len(given.ends)]
    new_bp = given.ends - np.maximum(given.starts, before)
    covered_bp = runs.sum(new_bp) - new_bp[runs.begins] + (given.ends - given.starts)[runs.begins]
    return runs.sum(log_odds) / windows, windows, covered_bp.astype(np.int64)


def _mean_classes(runs: _Runs, given: _Windows, scored: ScoredWindows) -> NDArray[np.float64]:
    """Mean probability of every class over the rows of each run."""
    first = np.searchsorted(scored.row_windows, given.rows[runs.begins])
    last = np.searchsorted(scored.row_windows, given.rows[runs.stops - 1], side="right")
    means = [scored.classes[rows].mean(axis=0, dtype=np.float64) for rows in map(slice, first.tolist(), last.tolist())]
    return np.array(means, np.float64).reshape(len(means), scored.classes.shape[1])
