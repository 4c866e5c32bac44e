"""An evaluation: figures of frames and of windows, with intervals, curves and reliability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.evaluation.bootstrap import bootstrap_intervals
from virnucpro.evaluation.metrics import Bin, Confusion, Curve, Ranking, reliability

__all__ = ["LEVELS", "Evaluation", "Level", "ScoredRows", "evaluate_rows"]

Level = Literal["frames", "windows"]
LEVELS: Final[tuple[Level, ...]] = ("frames", "windows")


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Rows with what they are and what was said of them, one entry per row in every array."""

    labels: NDArray[np.int64]  # (rows,) 0 host, 1 viral
    scores: NDArray[np.float32]  # (rows,) Viral scores
    records: NDArray[np.int64]  # (rows,) Numbers of the record and the window that a row comes from
    windows: NDArray[np.int64]  # (rows,) Numbers of the record and the window that a row comes from

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.labels, self.scores, self.records, self.windows)}
        if len(lengths) != 1:
            raise ConfigError(f"scored rows need as many labels as scores, records and windows; found {lengths}")

    def by_window(self) -> ScoredRows:
        """Score windows by their frames, so that they are called as VirNucPro calls them."""

        order = np.lexsort((self.scores, self.windows, self.labels))
        keys = np.stack((self.labels[order], self.windows[order]))
        starts = np.flatnonzero(np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)))
        ends = np.append(starts[1:], len(order)) - 1
        highest, lowest = self.scores[order[ends]], self.scores[order[starts]]
        return ScoredRows(
            self.labels[order[ends]],
            _window_score(highest, lowest),
            self.records[order[ends]],
            self.windows[order[ends]],
        )


def _window_score(highest: NDArray[np.float32], lowest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score a window so that one half divides its calls: the best viral score against the best host score.

    A window is a virus when max(score2) >= max(score1), where score1 = 1 - score2. The share
    max(score2) / (max(score1) + max(score2)) is at least one half in just these cases, and score2 itself where a window
    has one frame.
    """
    return (highest / (highest + (np.float32(1) - lowest))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation at one level came to."""

    level: Level  # what a row is
    rows: int  # how many
    viral_rows: int  # how many
    records: int  # how many
    figures: dict[str, float]  # by the names of `METRICS`
    intervals: dict[str, tuple[float, float]]  # 95 % of a bootstrap over records
    confusion: Confusion  # rows by label and call
    bins: list[Bin]  # reliability
    roc: Curve  # to draw
    precision_recall: Curve  # to draw


def evaluate_rows(scored: ScoredRows, level: Level, draws: int = 1000, seed: int = 42) -> Evaluation:
    """Measure scores at one level."""
    rows = scored.by_window() if level == "windows" else scored
    if len(np.unique(rows.labels)) != 2:
        raise ConfigError("an evaluation needs viral and host rows")
    ranking = Ranking(rows.labels, rows.scores)
    return Evaluation(
        level,
        len(rows.labels),
        int(rows.labels.sum()),
        len(np.unique(rows.records)),
        ranking.figures(),
        bootstrap_intervals(rows.labels, rows.scores, rows.records, draws, seed),
        ranking.confusion(),
        reliability(rows.labels, rows.scores),
        ranking.roc(),
        ranking.precision_recall(),
    )
