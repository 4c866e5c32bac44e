"""Sequences that a caller has in memory, as records: text, or what dnaio, Biopython and scikit-bio make of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from virnucpro.errors import ConfigError, InputError, shown
from virnucpro.records import FileIdentity, Record

__all__ = ["SequencesInMemory", "as_records", "is_one_sequence"]

LABEL = "<sequences in memory>"


class SequencesInMemory:
    """Records that are read like those of a file, any number of times."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records, self.label, self.path = tuple(records), LABEL, Path(LABEL)

    def __iter__(self) -> Iterator[Record]:
        """Give all records, from the first."""
        return iter(self.records)

    @property
    def identity(self) -> FileIdentity:
        """Letters and digest of headers and sequences."""
        digest, size = hashlib.sha256(), 0
        for record in self.records:
            header, sequence = (text.encode("utf-8", "surrogateescape") for text in (record.header, record.sequence))
            digest.update(b"%d %d\n" % (len(header), len(sequence)))
            digest.update(header + sequence)
            size += len(sequence)
        return FileIdentity(self.label, size, digest.hexdigest())

    def digest(self) -> FileIdentity:
        """As `identity`: nothing is to be read."""
        return self.identity


def as_records(given: object) -> list[Record]:
    """Make records of one sequence or several; those without a name are ``seq1``, ``seq2``, ..."""
    if isinstance(given, Mapping):
        named = [(str(name), _letters(one, f"sequence {name!r:.100}")) for name, one in given.items()]
    elif isinstance(given, str) or is_one_sequence(given):
        named = [_named(given, 1)]
    else:
        assert isinstance(given, Iterable)
        named = [_named(one, number) for number, one in enumerate(given, start=1)]
    if not named:
        raise ConfigError("no sequences given")
    return [
        Record(number, _one_line(name) or f"seq{number}", letters)
        for number, (name, letters) in enumerate(named, start=1)
    ]


def is_one_sequence(given: object) -> bool:
    """Whether this is bytes, or a record as libraries have them; all of those can be iterated over, too."""
    if isinstance(given, (str, bytes, bytearray)) or not isinstance(given, Iterable):
        return not isinstance(given, (str, PathLike))
    return any(hasattr(given, name) for name in ("sequence", "seq", "metadata")) or _is_biopython_text(given)


def _is_biopython_text(given: object) -> bool:
    return type(given).__module__ == "Bio.Seq"


def _named(given: object, number: int) -> tuple[str, str]:
    """Name and letters of one sequence."""
    where = f"sequence {number}"
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) and not hasattr(given, "_fields"):
        return given[0], _letters(given[1], where)
    return _header(given), _letters(given, where)


def _header(given: Any) -> str:  # noqa: ANN401
    """Give the header line of a record: Record, dnaio, Biopython, scikit-bio."""
    if isinstance(given, (str, bytes, bytearray)):
        return ""
    for name in ("header", "name") if hasattr(given, "sequence") else ("id", "name"):
        text = getattr(given, name, None)
        if isinstance(text, str) and text and not text.startswith("<unknown"):
            return text
    metadata = getattr(given, "metadata", None)
    return str(metadata.get("id", "")) if isinstance(metadata, Mapping) else ""


def _letters(given: Any, where: str) -> str:  # noqa: ANN401
    """Give the letters of text, of a record, or of an object that is its letters when turned into text."""
    if isinstance(given, str):
        return str(given)
    if isinstance(given, (bytes, bytearray)):
        return bytes(given).decode("ascii", "replace")
    for name in ("sequence", "seq"):
        if hasattr(given, name):
            return _letters(getattr(given, name), where)
    if hasattr(given, "metadata") or _is_biopython_text(given):
        return str(given)
    raise InputError(
        f"{where} is a {type(given).__name__}: {shown(repr(given), 60)}; give text, or a record of dnaio, Biopython or "
        "scikit-bio"
    )


def _one_line(header: str) -> str:
    return " ".join(header.splitlines()).strip()
