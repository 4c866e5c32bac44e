"""What a report shows of one sample, gathered as records come; its size does not depend on the input's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import shown
from virnucpro.records import FileIdentity
from virnucpro.scoring.calls import VIRAL
from virnucpro.scoring.regions import PROVIRUS
from virnucpro.writers.classes import best_numbers
from virnucpro.writers.report.top_rows import TopRows
from virnucpro.writers.tally import Tally
from virnucpro.writers.tracks import MAX_NAME_CHARACTERS, TopTracks, Track
from virnucpro.writers.writer import CalledRecords, SampleFacts

__all__ = ["ReportLimits", "SampleData", "SampleSummary"]

RECORD_COLUMNS: Final = (
    "record",
    "windows",
    "scored",
    "threshold",
    "margin",
    "fdr",
    "class",
    "start",
    "end",
    "warnings",
)
PROVIRUS_COLUMNS: Final = ("record", "start", "end", "windows", "background", "class")


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """How much of one sample a report shows at most."""

    records: int = 10_000
    proviruses: int = 2000
    tracks: int = 40

    @classmethod
    def of(cls, samples: int) -> Self:
        """Share the limits of a page among its samples."""
        whole = cls()
        return cls(*(max(1, one // max(samples, 1)) for one in (whole.records, whole.proviruses, whole.tracks)))


@dataclass(frozen=True, eq=False)
class SampleData:
    """What a page and the figures show of one sample."""

    name: str
    paired: bool  # rows are pairs of reads
    classes: tuple[str, ...]
    inputs: tuple[FileIdentity, ...]
    tally: Tally
    viral: dict[str, NDArray[Any]]  # columns of the viral records with the highest scores
    viral_records: int  # of all
    proviruses: dict[str, NDArray[Any]]  # columns
    n_proviruses: int | None  # None where none were looked for
    provirus_bp: int
    tracks: list[Track]
    records_with_tracks: int  # shown or not

    def to_json(self) -> dict[str, Any]:
        """Say it in JSON; NaN becomes null."""
        tally = self.tally
        return {
            "name": shown(self.name),
            "paired": self.paired,
            "classes": list(self.classes),
            "inputs": [[shown(one.path, 1000), one.size, one.sha256] for one in self.inputs],
            "records": tally.records.tolist(),
            "bases": tally.bases.tolist(),
            "scores": tally.scores.tolist(),
            "thresholds": [_numbers(row) for row in tally.thresholds],
            "class_records": tally.class_records.tolist(),
            "class_bases": tally.class_bases.tolist(),
            "statuses": tally.statuses,
            "ambiguous_records": tally.ambiguous_records,
            "median_fdr": tally.median_fdr,
            "viral": {"total": self.viral_records} | {name: _numbers(column) for name, column in self.viral.items()},
            "proviruses": {"total": self.n_proviruses, "bp": self.provirus_bp}
            | {name: _numbers(column) for name, column in self.proviruses.items()},
            "tracks": {"total": self.records_with_tracks, "shown": [track.to_json() for track in self.tracks]},
        }


class SampleSummary:
    """Takes the records of one sample."""

    def __init__(self, facts: SampleFacts, limits: ReportLimits | None = None) -> None:
        limits = limits or ReportLimits()
        self.facts = facts
        self._viral = TopRows(limits.records, RECORD_COLUMNS)
        self._proviruses = TopRows(limits.proviruses, PROVIRUS_COLUMNS)
        self._provirus_bp = 0
        self._tracks = TopTracks(0 if facts.paired else limits.tracks)  # two mates have no common positions

    def write(self, called: CalledRecords) -> None:
        """Keep what may be shown of some records."""
        self._add_viral(called)
        self._add_proviruses(called)
        self._tracks.add(called)

    def data(self, tally: Tally) -> SampleData:
        """Give what was gathered so far; the tally is of the same records."""
        return SampleData(
            self.facts.sample, self.facts.paired, self.facts.classes, self.facts.inputs, tally, self._viral.columns(),
            self._viral.seen, self._proviruses.columns(), self._proviruses.seen if self.facts.has_regions else None,
            self._provirus_bp, self._tracks.tracks(), self._tracks.seen,
        )  # fmt: skip

    def _add_viral(self, called: CalledRecords) -> None:
        calls, windows = called.calls, called.scored.windows
        rows = np.flatnonzero(calls.call == VIRAL)
        rows = rows[self._viral.wanted(calls.score[rows])]
        if len(rows):
            best = calls.best_window[rows]
            self._viral.add(
                calls.score[rows], calls.lengths_bp[rows], _names(called, rows), calls.n_windows[rows],
                calls.n_scored[rows], calls.threshold[rows], calls.margin[rows], calls.fdr[rows],
                best_numbers(calls.classes[rows]), windows.starts[best], windows.ends[best],
                np.array(called.warnings, object)[rows],
            )  # fmt: skip

    def _add_proviruses(self, called: CalledRecords) -> None:
        regions = called.regions
        rows = np.flatnonzero(regions.kind == PROVIRUS)
        lengths = regions.ends - regions.starts
        self._provirus_bp += int(lengths[rows].sum())
        rows = rows[self._proviruses.wanted(regions.score[rows])]
        if len(rows):
            self._proviruses.add(
                regions.score[rows], lengths[rows], _names(called, regions.record_rows[rows]), regions.starts[rows],
                regions.ends[rows], regions.n_windows[rows], regions.background[rows],
                best_numbers(regions.classes[rows]),
            )  # fmt: skip


def _names(called: CalledRecords, rows: NDArray[np.int64]) -> NDArray[np.object_]:
    names = np.empty(len(rows), object)
    names[:] = [shown(called.names[row], MAX_NAME_CHARACTERS) for row in rows.tolist()]
    return names


def _numbers(column: NDArray[Any]) -> list[Any]:
    """Numbers with six decimals, None where there is no finite one; anything else as it is."""
    if column.dtype.kind != "f":
        return list(column.tolist())
    return [number if math.isfinite(number) else None for number in np.round(column, 6).tolist()]
