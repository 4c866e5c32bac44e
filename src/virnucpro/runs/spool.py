"""Sequences stored in a temporary file, to be looked up by ID in any order."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from virnucpro.errors import StoreError, shown
from virnucpro.records import Record

__all__ = ["SequenceSpool", "spooled"]


class _Place(NamedTuple):
    """Position of a record's sequence in the file."""

    number: int
    header: str
    start: int
    length: int


class SequenceSpool:
    """Records in a file; only headers and positions are in memory."""

    def __init__(self, records: Iterable[Record], file: BinaryIO) -> None:
        self._file, self._places = file, dict[str, deque[_Place]]()
        for record in records:
            place = _Place(record.number, record.header, file.tell(), len(record.sequence.encode()))
            self._places.setdefault(record.id, deque()).append(place)
            file.write(record.sequence.encode())

    def take(self, id_: str) -> Record | None:
        """Return the first record of this ID that was not taken yet."""
        places = self._places.get(id_)
        if not places:
            return None
        place = places.popleft()
        self._file.seek(place.start)
        return Record(place.number, place.header, self._file.read(place.length).decode())

    def left(self) -> Iterator[tuple[str, int]]:
        """IDs and lengths of records that were never taken, in file order."""
        remaining = ((place.number, id_, place.length) for id_, places in self._places.items() for place in places)
        for number, id_, length in sorted(remaining):
            yield id_ or f"record_{number}", length


@contextmanager
def spooled(records: Iterable[Record], folder: Path) -> Iterator[SequenceSpool]:
    """Store records in an unnamed temporary file, which disappears with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            yield SequenceSpool(records, file)
    except OSError as error:
        name = shown(str(folder), 1000)
        raise StoreError(f"cannot set sequences aside in {name}: {error.strerror or error}; free some space") from error
