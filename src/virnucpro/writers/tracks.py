"""Tracks: the scores of windows along a record. The records that matter most are kept, whatever the input's size."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import shown
from virnucpro.scoring.calls import VIRAL
from virnucpro.writers.writer import CalledRecords

__all__ = ["MAX_NAME_CHARACTERS", "TopTracks", "Track"]

MAX_POINTS: Final = 600
"""Points of a track; more windows than that are averaged."""
MAX_REGIONS: Final = 100
MAX_NAME_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Track:
    """The scored windows of one record, or means over neighbouring ones."""

    record: str
    length_bp: int
    call: str
    score: float
    threshold: float
    windows: int  # with a score
    middles_bp: NDArray[np.int64]  # (points,)
    scores: NDArray[np.float64]  # (points,)
    is_viral: NDArray[np.bool_]  # (points,) of at least half of the windows of a point
    regions: list[tuple[int, int, str, float]]  # start, end, kind, score

    def to_json(self) -> dict[str, Any]:
        """Say it in JSON."""
        return {
            "record": self.record,
            "length": self.length_bp,
            "call": self.call,
            "score": round(self.score, 6),
            "threshold": None if np.isnan(self.threshold) else round(self.threshold, 6),
            "windows": self.windows,
            "middles": self.middles_bp.tolist(),
            "scores": np.round(self.scores, 4).tolist(),
            "is_viral": "".join("01"[flag] for flag in self.is_viral.tolist()),
            "regions": [[start, end, kind, round(score, 4)] for start, end, kind, score in self.regions],
        }


class TopTracks:
    """Keeps viral records and those with regions first, then the longest; none with less than two scored windows."""

    def __init__(self, capacity: int) -> None:
        self.seen = 0
        self._capacity = capacity
        self._kept: list[tuple[bool, int, int, Track]] = []

    def add(self, called: CalledRecords) -> None:
        """Look at some records."""
        calls = called.calls
        rows = np.flatnonzero(calls.n_scored >= 2)
        first, self.seen = self.seen, self.seen + len(rows)
        if not self._capacity:
            return
        is_called = calls.call == VIRAL
        is_called[called.regions.record_rows] = True
        if len(self._kept) == self._capacity:  # most rows of a large input end here, in columns
            lowest = self._kept[0]
            better = (is_called[rows] > lowest[0]) | (
                (is_called[rows] == lowest[0]) & (calls.lengths_bp[rows] > lowest[1])
            )
            rows = rows[better]
        for number, row in enumerate(rows.tolist(), start=first):
            key = (bool(is_called[row]), int(calls.lengths_bp[row]), -number)
            if len(self._kept) < self._capacity:
                heapq.heappush(self._kept, (*key, _track(called, row)))
            elif key[:2] > self._kept[0][:2]:
                heapq.heapreplace(self._kept, (*key, _track(called, row)))

    def tracks(self) -> list[Track]:
        """Give what is kept, in its order."""
        return [track for *_, track in sorted(self._kept, key=lambda one: one[:3], reverse=True)]


def _track(called: CalledRecords, row: int) -> Track:
    calls, windows = called.calls, called.scored.windows
    own = np.arange(*np.searchsorted(windows.record_rows, [row, row + 1]))
    own = own[called.windows.has_score[own]]
    middles = (windows.starts[own] + windows.ends[own]) // 2
    columns = (middles, called.windows.score[own], called.windows.is_viral[own])
    middles_bp, scores, viral = (_means(column) for column in columns)
    regions = called.regions
    found = slice(*np.searchsorted(regions.record_rows, [row, row + 1]))
    rows = zip(*(column[found].tolist() for column in (regions.starts, regions.ends, regions.kind, regions.score)),
               strict=True)  # fmt: skip
    return Track(
        shown(called.names[row], MAX_NAME_CHARACTERS), int(calls.lengths_bp[row]), str(calls.call[row]),
        float(calls.score[row]), float(calls.threshold[row]), len(own), middles_bp.astype(np.int64), scores,
        viral >= 0.5, list(rows)[:MAX_REGIONS],
    )  # fmt: skip


def _means(column: NDArray[Any]) -> NDArray[np.float64]:
    """Average neighbours, so that no more than `MAX_POINTS` are left."""
    size = -(-len(column) // MAX_POINTS)
    firsts = np.arange(0, len(column), size)
    counts = np.diff(np.append(firsts, len(column)))
    means: NDArray[np.float64] = np.add.reduceat(column.astype(np.float64), firsts) / counts
    return means
