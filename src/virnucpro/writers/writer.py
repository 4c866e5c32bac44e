"""What every writer of `predict` is given, and what it must do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from virnucpro.records import Record
from virnucpro.scoring.calls import Calls
from virnucpro.scoring.regions import Regions
from virnucpro.scoring.windows import ScoredWindows, WindowScores

__all__ = ["CalledRecords", "Writer"]


@dataclass(frozen=True, eq=False)
class CalledRecords:
    """Some records in file order, with everything that is known of them."""

    records: Sequence[Record]
    calls: Calls  # one row per record
    scored: ScoredWindows  # windows and feature rows of these records
    windows: WindowScores  # one score per window
    regions: Regions  # of these records; none where they are not asked for


class Writer(Protocol):
    """Writes one kind of result as records come."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, called: CalledRecords) -> None:
        """Take some records; none is kept longer than its result needs."""
