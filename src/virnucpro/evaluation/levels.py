"""Score and call windows and records from feature rows, as `predict` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.evaluation.metrics import THRESHOLD
from virnucpro.scoring.calibration import LEVELS, Calibration

__all__ = ["ScoredRows", "ScoredUnits", "Unit", "units_of"]

Unit = Literal["orf", "window", "record"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Feature rows and their scores; one entry per row in every array."""

    labels: Integers  # (rows,) 0 non-viral, 1 viral
    scores: NDArray[np.floating]  # (rows,) viral scores, 0 to 1
    records: Integers  # (rows,) record of each row, from 0
    windows: Integers  # (rows,) window of each row, from 0, counted over all records
    lengths_bp: Integers | None = None  # (rows,) bases of its window; None if unknown
    log_odds: Floats | None = None  # (rows,) viral against non-viral; needed only for a calibration

    def __post_init__(self) -> None:
        columns = (self.labels, self.scores, self.records, self.windows, self.lengths_bp, self.log_odds)
        lengths = {len(column) for column in columns if column is not None}
        if len(lengths) != 1:
            raise ConfigError(f"scored rows need as many labels as scores, records and windows; found {lengths}")


@dataclass(frozen=True, eq=False)
class ScoredUnits:
    """ORFs, windows or records; one entry per unit in every array."""

    unit: Unit
    labels: Integers  # (n,) 0 non-viral, 1 viral
    scores: NDArray[np.floating]  # (n,) viral scores, 0 to 1
    records: Integers  # (n,) the record that each comes from
    lengths_bp: Integers | None  # (n,) bases; of a record: those of its windows, added up
    calls: dict[str, NDArray[np.bool_]]  # called viral, by level; only "default" without a calibration

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: NDArray[np.bool_]) -> ScoredUnits:
        lengths = None if self.lengths_bp is None else self.lengths_bp[rows]
        calls = {level: called[rows] for level, called in self.calls.items()}
        return ScoredUnits(self.unit, self.labels[rows], self.scores[rows], self.records[rows], lengths, calls)


def units_of(rows: ScoredRows, calibration: Calibration | None) -> list[ScoredUnits]:
    """Score ORFs, windows and records."""
    if calibration is not None and (rows.lengths_bp is None or rows.log_odds is None):
        raise ConfigError("a calibrated classifier needs the length of windows, which these features do not say")
    orfs = ScoredUnits("orf", rows.labels, rows.scores, rows.records, rows.lengths_bp, _at_half(rows.scores))
    groups = _Groups(rows.windows, rows.labels)
    labels, records = rows.labels[groups.first], rows.records[groups.first]
    lengths = None if rows.lengths_bp is None else rows.lengths_bp[groups.first]
    of_record = _Groups(records, labels)
    record_lengths = None if lengths is None else of_record.total(lengths).astype(np.int64)
    if calibration is None or lengths is None or record_lengths is None or rows.log_odds is None:
        scores = _window_scores(rows, groups)
        record_scores = of_record.mean(scores)
        calls, record_calls = _at_half(scores), _at_half(record_scores)
    else:
        log_odds = calibration.window_log_odds(groups.mean(rows.log_odds), lengths)
        alone = calibration.record_log_odds(log_odds, np.ones_like(lengths), lengths)
        calls = _by_thresholds(calibration, alone, lengths)
        scores = _probability(log_odds)
        of_records = calibration.record_log_odds(of_record.mean(log_odds), of_record.sizes, record_lengths)
        record_calls = _by_thresholds(calibration, of_records, record_lengths)
        record_scores = _probability(of_records)
    windows = ScoredUnits("window", labels, scores, records, lengths, calls)
    first = of_record.first
    return [
        orfs, windows, ScoredUnits("record", labels[first], record_scores, records[first], record_lengths, record_calls)
    ]  # fmt: skip


class _Groups:
    """Groups of rows with the same number and label."""

    def __init__(self, numbers: Integers, labels: Integers) -> None:
        keys = labels * (numbers.max(initial=0) + 1) + numbers
        _, self.first, self.of_row, self.sizes = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )

    def total(self, values: NDArray[np.generic]) -> Floats:
        return np.bincount(self.of_row, values).astype(np.float64)

    def mean(self, values: NDArray[np.generic]) -> Floats:
        return self.total(values) / self.sizes


def _window_scores(rows: ScoredRows, groups: _Groups) -> NDArray[np.floating]:
    """Best viral score as a share of both best scores: at least one half if the original calls a window viral.

    The original compares max(score2) with max(score1), where score1 = 1 - score2.
    """
    order = np.argsort(groups.of_row, kind="stable")
    starts = np.cumsum(groups.sizes) - groups.sizes
    highest = np.maximum.reduceat(rows.scores[order], starts)
    lowest = np.minimum.reduceat(rows.scores[order], starts)
    scores: NDArray[np.floating] = (highest / (highest + (1 - lowest))).astype(rows.scores.dtype)
    return scores


def _at_half(scores: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
    return {"default": scores >= THRESHOLD}


def _by_thresholds(calibration: Calibration, log_odds: Floats, lengths_bp: Integers) -> dict[str, NDArray[np.bool_]]:
    where, knots = np.log(lengths_bp), np.log(calibration.record.lengths)
    return {level: log_odds >= np.interp(where, knots, calibration.thresholds[level]) for level in LEVELS}


def _probability(log_odds: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -log_odds))
