"""Everything that `predict` finds, as tables in memory; their columns are those of the tables in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.sequences.windows import WindowStatus
from virnucpro.writers.reading import typed
from virnucpro.writers.table import NO_POSITION, Table
from virnucpro.writers.writer import CalledRecords

__all__ = ["Columns"]

Block = Mapping[str, NDArray[Any]]

NAMES: Final = {
    "calls": (
        "record", "length", "n_windows", "n_scored", "virus_score", "call", "threshold", "margin", "fdr", "best_class",
        "best_start", "best_end", "status",
    ),
    "windows": ("record", "window", "window_start", "window_end", "virus_score", "call", "status"),
    "regions": (
        "record", "region_start", "region_end", "length", "n_windows", "virus_score", "background_score", "kind",
        "best_class",
    ),
}  # fmt: skip
STATUS_WORDS: Final = np.array([status.word for status in sorted(WindowStatus)])
FAILED: Final = "failed"


class Columns:
    """A writer that keeps its rows: `calls`, `windows` and `regions`."""

    def __init__(self, classes: Sequence[str], class_scores: bool) -> None:
        self._classes, self._scored = tuple(classes), tuple(classes) if class_scores else ()
        self._blocks: dict[str, list[Block]] = {stem: [] for stem in NAMES}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: there is no file."""

    def write(self, called: CalledRecords) -> None:
        """Keep some records."""
        ids = np.array([record.id for record in called.records], np.str_)
        self._blocks["calls"].append(self._calls(ids, called))
        self._blocks["windows"].append(self._windows(ids, called))
        self._blocks["regions"].append(self._regions(ids, called))

    def table(self, name: str) -> Table:
        """Put the rows of one table together."""
        blocks = self._blocks[name]
        names = blocks[0] if blocks else NAMES[name]
        return Table({key: np.concatenate([typed(key, []), *(block[key] for block in blocks)]) for key in names})

    def _calls(self, ids: NDArray[np.str_], called: CalledRecords) -> Block:
        calls, windows = called.calls, called.scored.windows
        named = zip(self._scored, calls.classes.T, strict=False)
        best, has_best = np.maximum(calls.best_window, 0), calls.best_window >= 0
        starts, ends = (
            np.where(has_best, np.append(column, 0)[best], NO_POSITION) for column in (windows.starts, windows.ends)
        )
        columns = (
            ids, calls.lengths_bp, calls.n_windows, calls.n_scored, calls.score, calls.call, calls.threshold,
            calls.margin, calls.fdr, self._best(calls.classes), starts, ends, calls.status,
        )  # fmt: skip
        return dict(zip(NAMES["calls"], columns, strict=True)) | {f"score_{name}": column for name, column in named}

    def _windows(self, ids: NDArray[np.str_], called: CalledRecords) -> Block:
        windows, scores = called.scored.windows, called.windows
        call = np.where(scores.has_score, np.where(scores.is_viral, VIRAL, NON_VIRAL), NOT_SCORED)
        failed = (called.scored.status == WindowStatus.SCORED) & ~scores.has_score
        columns = (
            ids[windows.record_rows], windows.numbers, windows.starts, windows.ends, scores.score, call,
            np.where(failed, FAILED, STATUS_WORDS[called.scored.status]),
        )  # fmt: skip
        return dict(zip(NAMES["windows"], columns, strict=True))

    def _regions(self, ids: NDArray[np.str_], called: CalledRecords) -> Block:
        regions = called.regions
        columns = (
            ids[regions.record_rows], regions.starts, regions.ends, regions.ends - regions.starts, regions.n_windows,
            regions.score, regions.background, regions.kind, self._best(regions.classes),
        )  # fmt: skip
        return dict(zip(NAMES["regions"], columns, strict=True))

    def _best(self, classes: NDArray[np.float64]) -> NDArray[np.str_]:
        """Name the most probable class; empty where there is none."""
        if not self._classes or not classes.shape[1]:
            return np.full(len(classes), "")
        return np.where(np.isnan(classes).any(axis=1), "", np.array(self._classes)[classes.argmax(axis=1)])
