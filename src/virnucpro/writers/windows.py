"""``windows.tsv.gz`` and ``windows.bedgraph``: scores along the records.

Of a record with a single window both say no more than the call does, so it is left out unless asked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virnucpro.runs.results import Results
from virnucpro.sequences.windows import WindowStatus
from virnucpro.writers.cells import cell
from virnucpro.writers.classes import best_classes
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.tables import Column, TableWriter
from virnucpro.writers.writer import CalledRecords, SampleFacts

__all__ = ["WindowsBedGraph", "WindowsTable"]


class WindowsTable(TableWriter):
    """Positions are 0-based and half-open, as in BED."""

    STEM = "windows"
    COLUMNS = (
        Column("sample"), Column("record"), Column("window", "whole"), Column("window_start", "whole"),
        Column("window_end", "whole"), Column("virus_score", "real"), Column("call"), Column("best_class"),
        Column("status"),
    )  # fmt: skip
    PACKED = True

    def write(self, called: CalledRecords) -> None:
        """Write a row for each window."""
        listed = _listed(called, self.facts)
        windows, scores = called.scored.windows, called.windows
        has_score = scores.has_score
        call = np.where(has_score, np.where(scores.is_viral, "viral", "non-viral"), "not_scored")
        self.table.write(
            [self.facts.sample] * len(listed), [called.names[row] for row in windows.record_rows[listed].tolist()],
            windows.numbers[listed], windows.starts[listed], windows.ends[listed], scores.score[listed], call[listed],
            best_classes(_classes(called)[listed], self.facts.classes), _status(called, has_score)[listed],
        )  # fmt: skip


class WindowsBedGraph(StreamWriter):
    """Scores for genome browsers; where windows overlap, each has the half that is nearer to its middle."""

    NAME = "windows.bedgraph"

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        name = cell(facts.sample).replace("'", "")
        head = f'track type=bedGraph name="{name} virus score" description="VirNucPro score of windows, {name}"'
        self.stream.write(f"{head} viewLimits=0:1 autoScale=off graphType=bar\n".encode())

    def write(self, called: CalledRecords) -> None:
        """Write a line for each window with a score."""
        listed = _listed(called, self.facts)
        listed = listed[called.windows.has_score[listed]]
        windows = called.scored.windows
        owners, starts, ends = (column[listed] for column in (windows.record_rows, windows.starts, windows.ends))
        touching = np.flatnonzero((owners[1:] == owners[:-1]) & (starts[1:] < ends[:-1]))
        middles = (starts[touching + 1] + ends[touching]) // 2
        starts[touching + 1], ends[touching] = middles, middles
        rows = zip(
            owners.tolist(), starts.tolist(), ends.tolist(), called.windows.score[listed].tolist(), strict=True
        )  # fmt: skip
        lines = [f"{called.names[row] or '.'}\t{start}\t{end}\t{score:.4f}\n" for row, start, end, score in rows]
        self.stream.write("".join(lines).encode())


def _listed(called: CalledRecords, facts: SampleFacts) -> NDArray[np.int64]:
    """Windows that are listed."""
    least = 1 if facts.single_windows else 2
    return np.flatnonzero(called.calls.n_windows[called.scored.windows.record_rows] >= least)


def _classes(called: CalledRecords) -> NDArray[np.float64]:
    """Mean probability of every class over the rows of each window; NaN where it has none."""
    scored = called.scored
    rows = np.bincount(scored.row_windows, minlength=len(scored))
    found = np.full((len(scored), scored.classes.shape[1]), np.nan)
    for number, column in enumerate(scored.classes.T.astype(np.float64)):
        sums = np.bincount(scored.row_windows, column, minlength=len(scored))
        np.divide(sums, rows, out=found[:, number], where=rows > 0)
    return found


def _status(called: CalledRecords, has_score: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Why a window has no score; one that has rows but no score failed in the models."""
    words = np.array([status.word for status in WindowStatus])[called.scored.status]
    failed = (called.scored.status == WindowStatus.SCORED) & ~has_score
    return np.where(failed, "failed", words)
