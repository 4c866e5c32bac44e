"""``regions.tsv``: one row for every region."""

from __future__ import annotations

from virnucpro.writers.classes import best_classes
from virnucpro.writers.tables import Column, TableWriter
from virnucpro.writers.writer import CalledRecords

__all__ = ["RegionsTable"]


class RegionsTable(TableWriter):
    """Positions are 0-based and half-open, as in BED."""

    STEM = "regions"
    COLUMNS = (
        Column("sample"), Column("record"), Column("region_start", "whole"), Column("region_end", "whole"),
        Column("length", "whole"), Column("n_windows", "whole"), Column("virus_score", "real"),
        Column("background_score", "real"), Column("kind"), Column("best_class"),
    )  # fmt: skip

    def write(self, called: CalledRecords) -> None:
        """Write a row for each region."""
        regions = called.regions
        self.table.write(
            [self.facts.sample] * len(regions), [called.names[row] for row in regions.record_rows.tolist()],
            regions.starts, regions.ends, regions.ends - regions.starts, regions.n_windows, regions.score,
            regions.background, regions.kind, best_classes(regions.classes, self.facts.classes),
        )  # fmt: skip
