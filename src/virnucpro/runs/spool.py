"""Sequences set aside on the disk, to be found again by id in any order."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from virnucpro.errors import StoreError
from virnucpro.records import Record

__all__ = ["SequenceSpool"]


class _Place(NamedTuple):
    """Where a record's sequence lies."""

    number: int
    header: str
    start: int
    length: int


class SequenceSpool:
    """Records in a temporary file without a name, which is gone with the process; only ids and places are in memory."""

    def __init__(self, records: Iterable[Record], folder: Path) -> None:
        self._places: dict[str, deque[_Place]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by __exit__
            try:
                self._set_aside(records)
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise StoreError(f"cannot set sequences aside in {folder}: {error.strerror}; free some space") from error

    def _set_aside(self, records: Iterable[Record]) -> None:
        for record in records:
            letters = record.sequence.encode()
            place = _Place(record.number, record.header, self._file.tell(), len(letters))
            self._places.setdefault(record.id, deque()).append(place)
            self._file.write(letters)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, id_: str) -> Record | None:
        """Give back a record, once."""
        places = self._places.get(id_)
        if not places:
            return None
        place = places.popleft()
        self._file.seek(place.start)
        return Record(place.number, place.header, self._file.read(place.length).decode())

    def left(self) -> Iterator[tuple[str, int]]:
        """Tell what was never taken."""
        remaining = ((place.number, id_, place.length) for id_, places in self._places.items() for place in places)
        for number, id_, length in sorted(remaining):
            yield id_ or f"record_{number}", length
