"""``calls.tsv``: one row for every record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import shown
from virnucpro.runs.results import Results
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.writer import CalledRecords

__all__ = ["ABSENT", "COLUMNS", "MAX_ID_CHARACTERS", "CallsTable", "best_classes", "numbers"]

COLUMNS: Final = (
    "record", "length", "n_windows", "n_scored", "virus_score", "call", "threshold", "margin", "fdr",
    "best_class", "best_start", "best_end", "status",
)  # fmt: skip
MAX_ID_CHARACTERS: Final = 1000
ABSENT: Final = "NA"


class CallsTable(StreamWriter):
    """Tab-separated; positions are 0-based and half-open, as in BED."""

    def __init__(self, results: Results, classes: Sequence[str], class_scores: bool) -> None:
        super().__init__(results, "calls.tsv")
        self._classes, self._class_scores = tuple(classes), class_scores
        more = [f"score_{name}" for name in classes] if class_scores else []
        self.stream.write(("\t".join((*COLUMNS, *more)) + "\n").encode())

    def write(self, called: CalledRecords) -> None:
        """Write a row for each record."""
        calls, windows = called.calls, called.scored.windows
        best = calls.best_window
        has_best = best >= 0
        starts, ends = (np.full(len(calls), -1) for _ in range(2))
        starts[has_best], ends[has_best] = windows.starts[best[has_best]], windows.ends[best[has_best]]
        rows = zip(
            (shown(record.id, MAX_ID_CHARACTERS) for record in called.records),
            calls.lengths_bp.tolist(), calls.n_windows.tolist(), calls.n_scored.tolist(), numbers(calls.score),
            calls.call.tolist(), numbers(calls.threshold), numbers(calls.margin), numbers(calls.fdr),
            best_classes(calls.classes, self._classes), _positions(starts), _positions(ends), calls.status.tolist(),
            *(numbers(column) for column in calls.classes.T if self._class_scores), strict=True,
        )  # fmt: skip
        self.stream.write("".join("\t".join(map(str, row)) + "\n" for row in rows).encode())


def best_classes(classes: NDArray[np.float64], names: Sequence[str]) -> Iterator[str]:
    """Name the most probable class in each row; NA where there is none."""
    if not names:
        return iter([ABSENT] * len(classes))
    best = (names[number] for number in classes.argmax(axis=1).tolist())
    return (ABSENT if row[0] != row[0] else name for row, name in zip(classes.tolist(), best, strict=True))


def numbers(column: NDArray[np.float64]) -> Iterator[str]:
    """Write numbers as tables have them."""
    return (ABSENT if number != number else f"{number:.6f}" for number in column.tolist())


def _positions(column: NDArray[np.int64]) -> Iterator[str]:
    return (ABSENT if number < 0 else str(number) for number in column.tolist())
