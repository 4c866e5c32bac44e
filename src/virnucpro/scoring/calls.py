"""Call records: from their windows to one call for each record, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.rule import CallRule
from virnucpro.scoring.windows import ScoredWindows, WindowScores
from virnucpro.sequences.windows import WindowStatus

__all__ = ["NON_VIRAL", "NOT_SCORED", "VIRAL", "Calls", "call_records"]

VIRAL, NON_VIRAL, NOT_SCORED = "viral", "non-viral", "not_scored"
NO_WINDOW: Final = -1


@dataclass(frozen=True, eq=False)
class Calls:
    """Records and their calls; all of shape (n,)."""

    lengths_bp: NDArray[np.int64]  # letters
    n_windows: NDArray[np.int64]
    n_scored: NDArray[np.int64]  # windows with a score
    score: NDArray[np.float64]  # probability of viral; NaN where no window has a score
    threshold: NDArray[np.float64]
    margin: NDArray[np.float64]
    fdr: NDArray[np.float64]
    call: NDArray[np.str_]  # viral, non-viral or not_scored
    status: NDArray[np.str_]  # scored, or the reason why not: empty, too_short, ambiguous, no_open_frame, failed
    best_window: NDArray[np.int64]  # row of the highest-scoring window; -1 if there is none
    classes: NDArray[np.float64]  # (n, classes) mean probability of each class; NaN where no window has a score

    def __len__(self) -> int:
        return len(self.lengths_bp)


def call_records(lengths_bp: NDArray[np.int64], scored: ScoredWindows, windows: WindowScores, rule: CallRule) -> Calls:
    """Call every record.

    A record's score comes from the mean over its windows. The highest window score would grow with their number, so
    every long contig would be called viral.
    """
    records = len(lengths_bp)
    owners = scored.windows.record_rows
    has_score = windows.has_score
    n_windows = np.bincount(owners, minlength=records)
    n_scored = np.bincount(owners[has_score], minlength=records)
    values = windows.score if rule.calibration is None else windows.log_odds
    known = np.flatnonzero(n_scored)
    sums = np.bincount(owners[has_score], values[has_score], minlength=records)
    found = rule.judge(sums[known] / n_scored[known], n_scored[known], _covered_bp(scored, has_score, records)[known])
    score, threshold, margin, fdr = np.full((4, records), np.nan)
    for column, values in (
        (score, found.score), (threshold, found.threshold), (margin, found.margin), (fdr, found.fdr),
    ):  # fmt: skip
        column[known] = values
    call = np.full(records, NOT_SCORED, dtype="<U10")
    call[known] = np.where(found.margin >= 0, VIRAL, NON_VIRAL)
    status = _why_not_scored(scored, lengths_bp)
    status[known] = "scored"
    best = _best_window(owners, windows.score, records)
    classes = _mean_classes(scored, records)
    return Calls(lengths_bp, n_windows, n_scored, score, threshold, margin, fdr, call, status, best, classes)


def _covered_bp(scored: ScoredWindows, has_score: NDArray[np.bool_], records: int) -> NDArray[np.int64]:
    """Bases of each record that scored windows cover; windows overlap, and those without a score leave gaps."""
    owners, starts, ends = (
        column[has_score] for column in (scored.windows.record_rows, scored.windows.starts, scored.windows.ends)
    )
    before = np.concatenate(([0], ends[:-1]))
    before[np.concatenate(([True], owners[1:] != owners[:-1]))[: len(owners)]] = 0
    covered = ends - np.maximum(starts, before[: len(starts)])
    return np.bincount(owners, covered, minlength=records).astype(np.int64)


def _mean_classes(scored: ScoredWindows, records: int) -> NDArray[np.float64]:
    """Mean probability of every class over the rows of each record."""
    owners = scored.windows.record_rows[scored.row_windows]
    rows = np.bincount(owners, minlength=records)
    sums = [np.bincount(owners, column, minlength=records) for column in scored.classes.T.astype(np.float64)]
    found = np.full((records, scored.classes.shape[1]), np.nan)
    for number, column in enumerate(sums):
        np.divide(column, rows, out=found[:, number], where=rows > 0)
    return found


def _why_not_scored(scored: ScoredWindows, lengths_bp: NDArray[np.int64]) -> NDArray[np.str_]:
    """The most common status of each record's windows; windows that have rows but no score failed in the models."""
    records = len(lengths_bp)
    words = [status.word for status in WindowStatus]
    counts = np.bincount(scored.windows.record_rows * len(words) + scored.status, minlength=records * len(words))
    table = counts.reshape(records, len(words))
    names = np.array(["failed" if word == "scored" else word for word in words], dtype="<U13")
    found: NDArray[np.str_] = np.where(
        table.any(axis=1), names[table.argmax(axis=1)], np.where(lengths_bp > 0, "too_short", "empty")
    )
    return found.astype("<U13")


def _best_window(owners: NDArray[np.int64], score: NDArray[np.float64], records: int) -> NDArray[np.int64]:
    """Row of the first window with the highest score of each record."""
    best = np.full(records, NO_WINDOW, np.int64)
    scored = np.flatnonzero(~np.isnan(score))
    order = scored[np.lexsort((scored, -score[scored], owners[scored]))]
    found, first = np.unique(owners[order], return_index=True)
    best[found] = order[first]
    return best
