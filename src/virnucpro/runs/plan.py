"""The parts of a run: ranges of windows or of records, planned from lengths alone, before any model is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Part", "PartSize", "Plan", "Planner", "content_sha256"]


@dataclass(frozen=True, slots=True)
class Part:
    """One unit of work: `units` windows (or records), beginning inside its first record where that one is long."""

    number: int  # from 1
    first_record: int  # position of its first record over all inputs, from 0
    records: int  # records that it touches; the first and the last may be shared with its neighbours
    first_unit: int  # units of its first record that earlier parts hold
    units: int
    letters: int  # its share of the letters, for progress
    sha256: str  # digest of its records, headers and letters


@dataclass(frozen=True, slots=True)
class PartSize:
    """Where parts end: after so many units, or so many letters. A single record is split only into units."""

    units: int
    letters: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All parts of a run, and what the planning pass saw."""

    parts: tuple[Part, ...]
    records_of_inputs: tuple[int, ...]  # records of every input, in order

    @property
    def records(self) -> int:
        """Records of all inputs."""
        return sum(self.records_of_inputs)

    @property
    def letters(self) -> int:
        """Letters of all inputs."""
        return sum(part.letters for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {"records_of_inputs": list(self.records_of_inputs), "parts": [asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, content: Any) -> Plan:  # noqa: ANN401
        """Read back what `to_json` gave; ValueError when it is anything else."""
        try:
            plan = cls(tuple(Part(**part) for part in content["parts"]), tuple(content["records_of_inputs"]))
            counts = [*plan.records_of_inputs]
            for part in plan.parts:
                counts += [part.number, part.first_record, part.records, part.first_unit, part.units, part.letters]
            if not all(type(count) is int and 0 <= count < 2**62 for count in counts):
                raise ValueError("a count is out of range")
            if [part.number for part in plan.parts] != list(range(1, len(plan.parts) + 1)):
                raise ValueError("parts are not numbered from 1")
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a plan: {error!r}") from error
        return plan

    @property
    def sha256(self) -> str:
        """Digest of the plan: parts computed under another plan are not its parts."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


class Planner:
    """Takes records one by one and closes a part whenever it is full."""

    def __init__(self, units_of: Callable[[int], int], size: PartSize) -> None:
        self._units_of, self._size = units_of, size
        self._parts: list[Part] = []
        self._records = 0  # added so far
        self._open(first_unit=0)

    def add(self, content: Sequence[bytes], letters: int) -> None:
        """Put one record into the open part, or into several parts when it has more units than one holds."""
        units = self._units_of(letters)
        if self._filled >= self._size.units or (self._filled and self._letters + letters > self._size.letters):
            self._close(records=self._records - self._first)
            self._open(first_unit=0)
        taken = 0
        while True:
            share = min(units - taken, self._size.units - self._filled)
            self._units += share
            self._filled += max(share, 1)  # a record without units takes room as well
            self._letters += letters * (taken + share) // max(units, 1) - letters * taken // max(units, 1)
            _update(self._digest, content)
            taken += share
            if taken == units:
                break
            self._close(records=self._records + 1 - self._first)
            self._open(first_unit=taken)
        self._records += 1

    def finish(self, records_of_inputs: Iterable[int]) -> Plan:
        """Close the last part and give all of them."""
        if self._filled:
            self._close(records=self._records - self._first)
        return Plan(tuple(self._parts), tuple(records_of_inputs))

    def _open(self, first_unit: int) -> None:
        self._first, self._first_unit = self._records, first_unit
        self._units = self._filled = self._letters = 0
        self._digest = hashlib.sha256()

    def _close(self, records: int) -> None:
        number, digest = len(self._parts) + 1, self._digest.hexdigest()
        part = Part(number, self._first, records, self._first_unit, self._units, self._letters, digest)
        self._parts.append(part)


def content_sha256(contents: Iterable[Sequence[bytes]]) -> str:
    """Digest records as the planner does."""
    digest = hashlib.sha256()
    for content in contents:
        _update(digest, content)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, content: Sequence[bytes]) -> None:
    """Feed a record's header and letters, with their lengths, so that no two records digest alike."""
    digest.update(b"".join((b"%d %d\n" % (len(content[0]), len(content[-1])), *content)))
