"""What every writer of `predict` is given, and what it must do with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from virnucpro.records import FileIdentity, Record
from virnucpro.runs.results import Results
from virnucpro.scoring.calls import Calls
from virnucpro.scoring.regions import Regions
from virnucpro.scoring.rule import CallRule
from virnucpro.scoring.windows import ScoredWindows, WindowScores
from virnucpro.sequences.pairs import pair_name
from virnucpro.writers.cells import cell
from virnucpro.writers.outputs import TableFormat

if TYPE_CHECKING:
    from virnucpro.writers.table import Table
    from virnucpro.writers.tally import Tally

__all__ = ["CalledRecords", "SampleFacts", "Writer"]


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What holds for all records of one sample."""

    sample: str  # its name
    rule: CallRule
    classes: tuple[str, ...] = ()  # names of the classes, where the classifier has more than two
    viral_classes: tuple[bool, ...] = ()  # which of them are viral
    paired: bool = False  # rows are pairs of reads
    table_format: TableFormat = "tsv"
    class_scores: bool = False  # a column of calls.tsv for each class
    single_windows: bool = False  # also list windows of records that have just one
    figures: tuple[str, ...] = ()  # formats in which the report's figures are also written
    command: str | None = None  # as it was typed
    classifier: str = ""  # its name
    device: str = ""  # and number format
    window_bp: int = 0
    min_length_bp: int = 0
    inputs: tuple[FileIdentity, ...] = ()
    tables: dict[str, Table] | None = None  # where tables go, by stem, if nothing is written

    @property
    def has_regions(self) -> bool:
        """Whether regions are looked for: without a calibration windows say nothing of runs of them."""
        return self.rule.calibration is not None and not self.paired


@dataclass(frozen=True, eq=False)
class CalledRecords:
    """Some records in file order, with everything that is known of them."""

    records: Sequence[Record]  # of pairs the first mates
    calls: Calls  # one row per record
    scored: ScoredWindows  # windows and feature rows of these records
    windows: WindowScores  # one score per window
    regions: Regions  # of these records; none where there is no calibration
    warnings: Sequence[str | None]  # one text per record, see `scoring.call_warnings`
    mates: Sequence[Record] = ()  # of pairs the second mates

    @cached_property
    def names(self) -> list[str]:
        """IDs of the records as tables have them."""
        ids = [record.id for record in self.records]
        return [cell(id_) for id_ in (map(pair_name, ids) if self.mates else ids)]


class Writer(ABC):
    """Writes one kind of result as records come; `Results` closes its files."""

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        self.results, self.facts = results, facts

    @classmethod
    @abstractmethod
    def files(cls, facts: SampleFacts) -> list[str]:
        """Name the files that it may write."""

    @abstractmethod
    def write(self, called: CalledRecords) -> None:
        """Take some records; none is kept longer than its result needs."""

    def complete(self, tally: Tally) -> None:  # noqa: B027  most results are complete with their last record
        """Write what stands behind the last record, or all records added up."""
