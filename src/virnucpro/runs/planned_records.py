"""The records of a run, read again part by part and compared with the plan."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, chain

from virnucpro.errors import InputError
from virnucpro.records import Failure, FileIdentity
from virnucpro.runs.plan import Plan, content_sha256
from virnucpro.runs.run import PartInput, Run
from virnucpro.sequences.pairs import FirstMates

__all__ = ["InputChanged", "PlannedRecords"]


class InputChanged(InputError):  # noqa: N818  says what happened
    """An input differs from the plan; the whole call stops."""


@dataclass(frozen=True, eq=False)
class PlannedRecords:
    """Records of a run, as they were when it was planned."""

    run: Run
    plan: Plan
    inputs: tuple[FileIdentity, ...]  # what was read then

    def parts(self, checked: set[int] | None = None) -> Iterator[PartInput]:
        """Read the records of every part; those of `checked` parts, or of all, are compared with the plan."""
        records = self._records()
        held: list[object] = []
        first = 0
        for part in self.plan.parts:
            del held[: part.first_record - first]
            first = part.first_record
            while len(held) < part.records:
                record = next(records, None)
                if record is None:
                    raise self._changed()
                held.append(record)
            given = PartInput(part, held[: part.records])
            is_checked = checked is None or part.number in checked
            if is_checked and content_sha256(map(self.run.job.content, given.records)) != part.sha256:
                raise self._changed()
            yield given
        if next(records, None) is not None or [
            (one.size, one.sha256) for one in (source.identity for source in self.run.inputs)
        ] != [(one.size, one.sha256) for one in self.inputs]:
            raise self._changed()

    def _records(self) -> Iterator[object]:
        """Read all inputs; one that could be read for the plan and cannot be read now has changed."""
        try:
            yield from chain.from_iterable(self.run.inputs)
        except InputError as error:
            raise self._changed() from error

    def _changed(self) -> InputError:
        return InputChanged(
            f"{self.run.label}: changed while it was read, so no results were written; run again once the file "
            "no longer changes"
        )

    def named(self, given: PartInput, failure: Failure) -> tuple[str, Failure]:
        """Name the input of a failure, and number its record within that input."""
        ends = list(accumulate(self.plan.records_of_inputs))
        record = given.part.first_record + failure.number
        which = bisect_right(ends, record)
        place = record - [0, *ends][which]
        if isinstance(self.run.inputs[which], FirstMates):  # its records and those of the next input, in turn
            which, place = which + place % 2, place // 2
        return self.run.inputs[which].label, replace(failure, number=place + 1)

    def touched(self, given: PartInput) -> dict[str, tuple[int, int]]:
        """Give the first and the last record of a part in each input that it touches, numbered within that input."""
        ends: dict[str, tuple[int, int]] = {}
        for row in range(given.part.records):
            label, found = self.named(given, Failure(row, "", "", ""))
            first, _ = ends.get(label, (found.number, found.number))
            ends[label] = first, found.number
        return ends
