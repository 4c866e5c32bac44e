"""The parts of a run: ranges of windows or records, planned from lengths alone, before any model is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Part", "PartSize", "Plan", "Planner", "content_sha256"]


@dataclass(frozen=True, slots=True)
class Part:
    """One unit of work: `units` windows (or records); it may start inside a long record."""

    number: int  # from 1
    first_record: int  # position of its first record over all inputs, from 0
    records: int  # records that it touches; it may share the first and last with its neighbours
    first_unit: int  # units of its first record that belong to earlier parts
    units: int
    letters: int  # its share of the letters, for progress
    sha256: str  # digest of its records


@dataclass(frozen=True, slots=True)
class PartSize:
    """Limits of a part. Only `units` splits a single record."""

    units: int
    letters: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All parts of a run, and the number of records in each input."""

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
        """Convert to a JSON object."""
        return {"records_of_inputs": list(self.records_of_inputs), "parts": [asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, content: Any) -> Plan:  # noqa: ANN401
        """Parse what `to_json` wrote; ValueError for anything else."""
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
        """Digest of the plan; parts of another plan are not used."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


class Planner:
    """Assigns records to parts, one after another."""

    def __init__(self, units_of: Callable[[int], int], size: PartSize) -> None:
        self._units_of, self._size = units_of, size
        self._parts: list[Part] = []
        self._records = 0  # added so far
        self._open(first_unit=0)

    def add(self, content: Sequence[bytes], letters: int) -> None:
        """Add a record to the current part; split it over several parts if it has too many units."""
        units = self._units_of(letters)
        if self._filled >= self._size.units or (self._filled and self._letters + letters > self._size.letters):
            self._close(records=self._records - self._first)
            self._open(first_unit=0)
        taken = 0
        while True:
            share = min(units - taken, self._size.units - self._filled)
            self._units += share
            self._filled += max(share, 1)  # a record without units counts as one
            self._letters += letters * (taken + share) // max(units, 1) - letters * taken // max(units, 1)
            _update(self._digest, content)
            taken += share
            if taken == units:
                break
            self._close(records=self._records + 1 - self._first)
            self._open(first_unit=taken)
        self._records += 1

    def finish(self, records_of_inputs: Iterable[int]) -> Plan:
        """Close the last part and return the plan."""
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
    """Add header and letters with their lengths, so that different records never give the same bytes."""
    digest.update(b"".join((b"%d %d\n" % (len(content[0]), len(content[-1])), *content)))
