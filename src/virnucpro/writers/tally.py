"""Numbers of one sample, added up as records come, in little memory however many there are."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.writers.writer import CalledRecords

__all__ = ["SCORE_BINS", "Tally"]

SCORE_BINS: Final = 50
FDR_BINS: Final = 10_000


class Tally:
    """Counts of records and bases, and histograms of scores."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter(dict.fromkeys((VIRAL, NON_VIRAL, NOT_SCORED), 0))
        self.statuses: Counter[str] = Counter()
        self.regions: Counter[str] = Counter()
        self.bases = self.viral_bases = 0
        self.scores = np.zeros(SCORE_BINS, np.int64)  # records by virus_score, in equal bins from 0 to 1
        self._fdr = np.zeros(FDR_BINS, np.int64)  # viral records by FDR

    def add(self, called: CalledRecords) -> None:
        """Count some records."""
        calls = called.calls
        self.calls.update(calls.call.tolist())
        self.statuses.update(calls.status.tolist())
        self.regions.update(called.regions.kind.tolist())
        viral = calls.call == VIRAL
        self.bases += int(calls.lengths_bp.sum())
        self.viral_bases += int(calls.lengths_bp[viral].sum())
        self.scores += np.histogram(calls.score[~np.isnan(calls.score)], SCORE_BINS, (0, 1))[0]
        self._fdr += np.histogram(calls.fdr[viral & ~np.isnan(calls.fdr)], FDR_BINS, (0, 1))[0]

    @property
    def records(self) -> int:
        """How many there are."""
        return self.calls.total()

    @property
    def median_fdr(self) -> float | None:
        """Of viral records, to four decimals; None where there are none, or no calibration."""
        total = self._fdr.sum()
        if not total:
            return None
        return round(float((np.searchsorted(np.cumsum(self._fdr), total / 2) + 0.5) / FDR_BINS), 4)

    def counts(self, with_regions: bool) -> dict[str, Any]:
        """Give them as the manifest has them."""
        regions = {"regions": dict(self.regions)} if with_regions else {}
        return regions | {
            "records": self.records,
            "bases": self.bases,
            "viral_bases": self.viral_bases,
            "calls": {call: number for call, number in self.calls.items() if number},
            "statuses": dict(self.statuses),
        }
