"""``calls.tsv``: one row for every record."""

from __future__ import annotations

import numpy as np

from virnucpro.writers.classes import best_classes
from virnucpro.writers.tables import Column, TableWriter, known_only
from virnucpro.writers.writer import CalledRecords, SampleFacts

__all__ = ["CallsTable"]


class CallsTable(TableWriter):
    """Positions are 0-based and half-open, as in BED."""

    STEM = "calls"
    COLUMNS = (
        Column("sample"), Column("record"), Column("length", "whole"), Column("n_windows", "whole"),
        Column("n_scored", "whole"), Column("virus_score", "real"), Column("call"), Column("threshold", "real"),
        Column("margin", "real"), Column("fdr", "real"), Column("best_class"), Column("best_start", "whole"),
        Column("best_end", "whole"), Column("status"), Column("warnings"),
    )  # fmt: skip

    @classmethod
    def columns(cls, facts: SampleFacts) -> tuple[Column, ...]:
        """Add one for each class, if they are asked for."""
        more = [Column(f"score_{name}", "real") for name in facts.classes] if facts.class_scores else []
        return (*cls.COLUMNS, *more)

    def write(self, called: CalledRecords) -> None:
        """Write a row for each record."""
        calls, windows, facts = called.calls, called.scored.windows, self.facts
        has_best = calls.best_window >= 0
        best = np.where(has_best, calls.best_window, 0)
        starts, ends = (column[best] if len(column) else best for column in (windows.starts, windows.ends))
        self.table.write(
            [facts.sample] * len(calls), called.names, calls.lengths_bp, calls.n_windows, calls.n_scored, calls.score,
            calls.call, calls.threshold, calls.margin, calls.fdr, best_classes(calls.classes, facts.classes),
            known_only(starts, has_best), known_only(ends, has_best), calls.status,
            called.warnings, *(column for column in calls.classes.T if facts.class_scores),
        )  # fmt: skip
