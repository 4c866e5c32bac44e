"""Metrics of ORFs, windows and records, overall and by length, with intervals and curves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.evaluation.bootstrap import Ranking, bootstrap_intervals
from virnucpro.evaluation.levels import ScoredUnits, Unit
from virnucpro.evaluation.metrics import (
    Bin,
    Confusion,
    Curve,
    calibration_error,
    confusion_of,
    measure,
    precision_recall_of,
    reliability,
    roc_of,
)

__all__ = ["ALL_LENGTHS", "Evaluation", "evaluate_by_length", "evaluate_units"]

ALL_LENGTHS: Final = "all"
LENGTH_EDGES_BP: Final = (1, 300, 500, 1000, 3000, 10_000, 30_000)
MIN_RECORDS: Final = 5
"""A length bin with fewer records per class has counts but no metrics, because their intervals would be meaningless."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of the ORFs, windows or records of one length bin or of all lengths."""

    unit: Unit
    length_bp: str  # "all", "500-999", "30000+"
    rows: int  # how many ORFs, windows or records
    viral_rows: int
    records: int  # records that they come from
    figures: dict[str, float]  # `METRICS` and calibration_error; empty for a bin with too few records
    intervals: dict[str, tuple[float, float]]  # of `METRICS`, 95 % of a bootstrap over records
    calls: dict[str, Confusion]  # by level; only "default" without a calibration
    bins: list[Bin]  # reliability
    roc: Curve
    precision_recall: Curve


def evaluate_units(scored: ScoredUnits, draws: int, seed: int, length_bp: str = ALL_LENGTHS) -> Evaluation:
    """Measure sequences with known labels."""
    if len(np.unique(scored.labels)) != 2:
        raise ConfigError("an evaluation needs viral and non-viral rows")
    labels, scores, called = scored.labels, scored.scores, scored.calls["default"]
    return Evaluation(
        scored.unit,
        length_bp,
        len(scored),
        int(labels.sum()),
        len(np.unique(scored.records)),
        measure(labels, scores, called) | {"calibration_error": calibration_error(labels, scores)},
        bootstrap_intervals(Ranking(labels, scores, called), scored.records, draws, seed),
        {level: confusion_of(labels, mask) for level, mask in scored.calls.items()},
        reliability(labels, scores),
        roc_of(labels, scores),
        precision_recall_of(labels, scores),
    )


def evaluate_by_length(scored: ScoredUnits, draws: int, seed: int) -> list[Evaluation]:
    """Measure each length bin; none if lengths are not known."""
    if scored.lengths_bp is None:
        return []
    found = []
    place = np.searchsorted(LENGTH_EDGES_BP, scored.lengths_bp, "right") - 1
    for number, (low, high) in enumerate(pairwise([*LENGTH_EDGES_BP, 0])):
        if (place == number).any():
            name = f"{low}-{high - 1}" if high else f"{low}+"
            part = scored[place == number]
            enough = min(len(np.unique(part.records[part.labels == label])) for label in (0, 1)) >= MIN_RECORDS
            found.append(evaluate_units(part, draws, seed, name) if enough else _counts_of(part, name))
    return found


def _counts_of(scored: ScoredUnits, length_bp: str) -> Evaluation:
    nothing: NDArray[np.float64] = np.empty(0)
    records = len(np.unique(scored.records))
    calls = {level: confusion_of(scored.labels, mask) for level, mask in scored.calls.items()}
    curve = Curve(nothing, nothing)
    return Evaluation(
        scored.unit, length_bp, len(scored), int(scored.labels.sum()), records, {}, {}, calls, [], curve, curve
    )
