"""``regions.tsv``: one row for every region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from virnucpro.errors import shown
from virnucpro.runs.results import Results
from virnucpro.writers.calls import MAX_ID_CHARACTERS, best_classes, numbers
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.writer import CalledRecords

__all__ = ["COLUMNS", "RegionsTable"]

COLUMNS: Final = (
    "record", "region_start", "region_end", "length", "n_windows", "virus_score", "background_score", "kind",
    "best_class",
)  # fmt: skip


class RegionsTable(StreamWriter):
    """Tab-separated; positions are 0-based and half-open, as in BED."""

    def __init__(self, results: Results, classes: Sequence[str]) -> None:
        super().__init__(results, "regions.tsv")
        self._classes = tuple(classes)
        self.stream.write(("\t".join(COLUMNS) + "\n").encode())

    def write(self, called: CalledRecords) -> None:
        """Write a row for each region."""
        regions = called.regions
        rows = zip(
            (shown(called.records[row].id, MAX_ID_CHARACTERS) for row in regions.record_rows.tolist()),
            regions.starts.tolist(), regions.ends.tolist(), (regions.ends - regions.starts).tolist(),
            regions.n_windows.tolist(), numbers(regions.score), numbers(regions.background), regions.kind.tolist(),
            best_classes(regions.classes, self._classes), strict=True,
        )  # fmt: skip
        self.stream.write("".join("\t".join(map(str, row)) + "\n" for row in rows).encode())
