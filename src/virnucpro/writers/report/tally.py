"""Counts of records by length, score, class and status: of one size, however many records there are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL, Calls

__all__ = ["CALLS", "LENGTH_EDGES_BP", "SCORE_BINS", "Tally"]

CALLS: Final = (VIRAL, NON_VIRAL, NOT_SCORED)
LENGTH_EDGES_BP: Final = (
    0, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
)  # fmt: skip
"""Where the bins of lengths begin; the last one has no end."""
SCORE_BINS: Final = 50
FDR_BINS_PER_DECADE, FDR_DECADES = 100, 8
LENGTHS: Final = len(LENGTH_EDGES_BP)


class Tally:
    """What `SampleReport` adds up."""

    def __init__(self, classes: int) -> None:
        self.records = np.zeros((len(CALLS), LENGTHS), np.int64)
        self.bases = np.zeros((len(CALLS), LENGTHS), np.int64)
        self.scores = np.zeros((2, LENGTHS, SCORE_BINS), np.int64)  # viral, non-viral
        self.thresholds = np.full((2, LENGTHS), np.nan)  # lowest and highest
        self.class_records = np.zeros((2, classes), np.int64)
        self.class_bases = np.zeros((2, classes), np.int64)
        self.statuses: dict[str, int] = {}
        self._fdr = np.zeros(FDR_BINS_PER_DECADE * FDR_DECADES + 1, np.int64)

    def add(self, calls: Calls) -> None:
        """Count some records."""
        number = np.select([calls.call == VIRAL, calls.call == NON_VIRAL], [0, 1], 2)
        place = np.searchsorted(LENGTH_EDGES_BP, calls.lengths_bp, side="right") - 1
        _add(self.records, (number, place))
        _add(self.bases, (number, place), calls.lengths_bp)
        scored = ~np.isnan(calls.score)
        score = np.clip((calls.score[scored] * SCORE_BINS).astype(np.int64), 0, SCORE_BINS - 1)
        _add(self.scores, (number[scored], place[scored], score))
        np.fmin.at(self.thresholds[0], place[scored], calls.threshold[scored])
        np.fmax.at(self.thresholds[1], place[scored], calls.threshold[scored])
        if calls.classes.shape[1] and self.class_records.shape[1]:
            best = calls.classes[scored].argmax(axis=1)
            _add(self.class_records, (number[scored], best))
            _add(self.class_bases, (number[scored], best), calls.lengths_bp[scored])
        fdr = calls.fdr[(number == 0) & ~np.isnan(calls.fdr)]
        _add(self._fdr, (_fdr_bins(fdr),))
        for status, count in zip(*np.unique(calls.status, return_counts=True), strict=True):
            self.statuses[str(status)] = self.statuses.get(str(status), 0) + int(count)

    @property
    def median_fdr(self) -> float:
        """Median FDR of viral records, within 3 % of its value; NaN where none has one."""
        total = self._fdr.sum()
        if not total:
            return float("nan")
        place = int(np.searchsorted(np.cumsum(self._fdr), (total + 1) // 2))
        return float(10 ** (place / FDR_BINS_PER_DECADE - FDR_DECADES))


def _fdr_bins(fdr: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bins of equal width in the logarithm, the last of them for 1."""
    logarithm = np.log10(np.clip(fdr, 10.0**-FDR_DECADES, 1)) + FDR_DECADES
    places: NDArray[np.int64] = np.rint(logarithm * FDR_BINS_PER_DECADE).astype(np.int64)
    return places


def _add(
    table: NDArray[np.int64], places: tuple[NDArray[np.int64], ...], amounts: NDArray[np.int64] | None = None
) -> None:
    """Add amounts, or ones, to a table."""
    np.add.at(table, places, 1 if amounts is None else amounts)
