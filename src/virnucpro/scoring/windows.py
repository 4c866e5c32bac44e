"""Scores of feature rows, and window scores computed from them, in columns.

Without a calibration a window is viral when the best viral score of its rows is at least the best non-viral score, as
in the original VirNucPro [1]_; its score is the first as a share of both. With a calibration it is the mean log-odds of
its rows, calibrated by length.

References
----------
.. [1] ``prediction.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.windows import Windows

__all__ = ["ScoredWindows", "WindowScores", "probability"]


def probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn log-odds into probabilities, without overflow."""
    part = np.exp(-np.abs(log_odds))
    found: NDArray[np.float64] = np.where(log_odds >= 0, 1.0, part) / (1 + part)
    return found


@dataclass(frozen=True, eq=False)
class ScoredWindows:
    """Windows of some records, and the scores of their feature rows."""

    windows: Windows  # record_rows: which of the records
    status: NDArray[np.uint8]  # (windows,) WindowStatus
    row_windows: NDArray[np.int64]  # (rows,) window of each row, ascending
    frames: NDArray[np.uint8]  # (rows,) index into FRAME_NAMES; 255 for a whole window
    scores: NDArray[np.float32]  # (rows, 2) probabilities of non-viral and viral
    log_odds: NDArray[np.float64]  # (rows,) of viral against non-viral
    classes: NDArray[np.float32]  # (rows, classes) probabilities by class; no columns where the classifier has none

    def __len__(self) -> int:
        return len(self.windows)

    def records(self, first: int, last: int) -> ScoredWindows:
        """Keep the windows of some records, and number these records from 0."""
        begin, end = np.searchsorted(self.windows.record_rows, [first, last])
        rows = slice(*np.searchsorted(self.row_windows, [begin, end]))
        kept = self.windows[begin:end]
        return ScoredWindows(
            Windows(kept.record_rows - first, kept.numbers, kept.starts, kept.ends),
            self.status[begin:end],
            self.row_windows[rows] - begin,
            self.frames[rows],
            self.scores[rows],
            self.log_odds[rows],
            self.classes[rows],
        )

    def moved(self, records: int) -> ScoredWindows:
        """Shift the numbers of the records."""
        windows = replace(self.windows, record_rows=self.windows.record_rows + records)
        return replace(self, windows=windows)

    @staticmethod
    def join(first: ScoredWindows, second: ScoredWindows) -> ScoredWindows:
        """Concatenate windows of the same records."""
        columns = [
            np.concatenate([getattr(one.windows, name) for one in (first, second)])
            for name in ("record_rows", "numbers", "starts", "ends")
        ]
        return ScoredWindows(
            Windows(*columns),
            np.concatenate((first.status, second.status)),
            np.concatenate((first.row_windows, second.row_windows + len(first))),
            np.concatenate((first.frames, second.frames)),
            np.concatenate((first.scores, second.scores)),
            np.concatenate((first.log_odds, second.log_odds)),
            np.concatenate((first.classes, second.classes)),
        )


@dataclass(frozen=True, eq=False)
class WindowScores:
    """One score for every window that has rows; NaN for the others."""

    score: NDArray[np.float64]  # (windows,) probability of viral
    log_odds: NDArray[np.float64]  # (windows,) calibrated, for a viral share of one half; NaN without a calibration
    is_viral: NDArray[np.bool_]  # (windows,) whether a record of just this window would be called viral

    @property
    def has_score(self) -> NDArray[np.bool_]:
        """Which windows have a score."""
        return ~np.isnan(self.score)


def best_of_rows(scored: ScoredWindows) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Windows that have rows, and the best non-viral and viral score among the rows of each."""
    windows, first = np.unique(scored.row_windows, return_index=True)
    if not len(windows):
        return windows, np.empty(0), np.empty(0)
    best = np.maximum.reduceat(scored.scores.astype(np.float64), first, axis=0)
    return windows, best[:, 0], best[:, 1]


def mean_of_rows(scored: ScoredWindows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Windows that have rows, and the mean log-odds of the rows of each."""
    windows, first, counts = np.unique(scored.row_windows, return_index=True, return_counts=True)
    if not len(windows):
        return windows, np.empty(0)
    return windows, np.add.reduceat(scored.log_odds, first) / counts
