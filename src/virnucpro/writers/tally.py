"""Numbers of one sample, added up as records come; of one size, however many records there are."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.call_warnings import AMBIGUOUS_LETTERS
from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.writers.classes import best_numbers
from virnucpro.writers.writer import CalledRecords

__all__ = ["CALLS", "COUNTED", "LENGTH_EDGES_BP", "SCORE_BINS", "Tally"]

CALLS: Final = (VIRAL, NON_VIRAL, NOT_SCORED)
LENGTH_EDGES_BP: Final = (
    0, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
)  # fmt: skip
"""Where the bins of lengths begin; the last one has no end."""
COUNTED: Final = {
    "records": int, "bases": int, "viral_bases": int, "ambiguous_records": int, "calls": dict, "statuses": dict,
}  # fmt: skip
"""What `Tally.counts` always has."""
SCORE_BINS: Final = 50
FDR_BINS_PER_DECADE, FDR_DECADES = 100, 8
LENGTHS: Final = len(LENGTH_EDGES_BP)


class Tally:
    """Counts of records and bases by call, length, score, class and status."""

    def __init__(self, classes: int = 0) -> None:
        self.records = np.zeros((len(CALLS), LENGTHS), np.int64)
        self.bases = np.zeros((len(CALLS), LENGTHS), np.int64)
        self.scores = np.zeros((2, LENGTHS, SCORE_BINS), np.int64)  # viral, non-viral
        self.thresholds = np.full((2, LENGTHS), np.nan)  # lowest and highest
        self.class_records = np.zeros((2, classes), np.int64)
        self.class_bases = np.zeros((2, classes), np.int64)
        self.statuses: Counter[str] = Counter()
        self.ambiguous_records = 0  # with many ambiguous letters
        self.regions: Counter[str] = Counter()
        self._fdr = np.zeros(FDR_BINS_PER_DECADE * FDR_DECADES + 1, np.int64)  # of viral records

    def add(self, called: CalledRecords) -> None:
        """Count some records."""
        calls = called.calls
        number = np.select([calls.call == VIRAL, calls.call == NON_VIRAL], [0, 1], 2)
        place = np.searchsorted(LENGTH_EDGES_BP, calls.lengths_bp, side="right") - 1
        _add(self.records, (number, place))
        _add(self.bases, (number, place), calls.lengths_bp)
        scored = ~np.isnan(calls.score)
        score = np.clip((calls.score[scored] * SCORE_BINS).astype(np.int64), 0, SCORE_BINS - 1)
        _add(self.scores, (number[scored], place[scored], score))
        np.fmin.at(self.thresholds[0], place[scored], calls.threshold[scored])
        np.fmax.at(self.thresholds[1], place[scored], calls.threshold[scored])
        if self.class_records.shape[1]:
            best = best_numbers(calls.classes)
            known = scored & (best >= 0)
            _add(self.class_records, (number[known], best[known]))
            _add(self.class_bases, (number[known], best[known]), calls.lengths_bp[known])
        _add(self._fdr, (_fdr_bins(calls.fdr[(number == 0) & ~np.isnan(calls.fdr)]),))
        self.statuses.update(calls.status.tolist())
        for text, records in Counter(called.warnings).items():
            self.ambiguous_records += records if text and AMBIGUOUS_LETTERS in text.split(";") else 0
        self.regions.update(called.regions.kind.tolist())

    @property
    def calls(self) -> dict[str, int]:
        """Records by call."""
        return dict(zip(CALLS, self.records.sum(axis=1).tolist(), strict=True))

    @property
    def median_fdr(self) -> float | None:
        """Median FDR of viral records, within 2 % of its value, 0 below 1e-8; None where none has one."""
        total = self._fdr.sum()
        if not total:
            return None
        place = int(np.searchsorted(np.cumsum(self._fdr), (total + 1) // 2))
        return float(f"{10 ** (place / FDR_BINS_PER_DECADE - FDR_DECADES):.3g}") if place else 0.0

    def counts(self, with_regions: bool) -> dict[str, Any]:
        """Give them as the manifest has them."""
        regions = {"regions": dict(self.regions)} if with_regions else {}
        return regions | {
            "records": int(self.records.sum()),
            "bases": int(self.bases.sum()),
            "viral_bases": int(self.bases[0].sum()),
            "ambiguous_records": self.ambiguous_records,
            "calls": {call: number for call, number in self.calls.items() if number},
            "statuses": dict(self.statuses),
        }


def _fdr_bins(fdr: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bins of equal width in the logarithm, the first of them for 0 and the last for 1."""
    logarithm = np.log10(np.clip(fdr, 10.0**-FDR_DECADES, 1)) + FDR_DECADES
    places: NDArray[np.int64] = np.rint(logarithm * FDR_BINS_PER_DECADE).astype(np.int64)
    return places


def _add(
    table: NDArray[np.int64], places: tuple[NDArray[np.int64], ...], amounts: NDArray[np.int64] | None = None
) -> None:
    """Add amounts, or ones, to a table."""
    np.add.at(table, places, 1 if amounts is None else amounts)
