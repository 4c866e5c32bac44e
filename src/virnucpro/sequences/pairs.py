"""Mates of read pairs: two files in step, read as one input of first and second mates in turn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from virnucpro.errors import InputError, shown
from virnucpro.records import FileIdentity, Record
from virnucpro.sequences.nucleotide_file import NucleotideFile

__all__ = ["FirstMates", "SecondMates", "pair_name", "pair_of_files"]


def pair_of_files(first: NucleotideFile, second: NucleotideFile) -> tuple[FirstMates, SecondMates]:
    """Make inputs of two files, to be read in this order; the records of both come with the first."""
    return FirstMates(first, second), SecondMates(second)


class FirstMates:
    """The first file, whose records bring their mates: the first, its mate, the second, its mate, ..."""

    def __init__(self, first: NucleotideFile, second: NucleotideFile) -> None:
        self._first, self._second = first, second
        self.label, self.path = first.label, first.path

    def __iter__(self) -> Iterator[Record]:
        """Read both files once, in step; numbers count mates from 1, so that first mates have odd ones."""
        for number, (one, other) in enumerate(zip_longest(self._first, self._second), start=1):
            if one is None:
                raise _missing(self._first, self._second, number, other)
            if other is None:
                raise _missing(self._second, self._first, number, one)
            if (name := pair_name(one.id)) != pair_name(other.id):
                raise InputError(
                    f"{self._first.label} and {self._second.label}: record {number} is {shown(name, 100)!r} in the "
                    f"first file and {shown(other.id, 100)!r} in the second; mates must stand at the same place in "
                    "both ('seqkit pair' or 'repair.sh' puts them there)"
                )
            if one.id == other.id != name:
                raise InputError(
                    f"{self._first.label} and {self._second.label}: record {number} is {shown(one.id, 100)!r} in both, "
                    "so both files hold the same mates; give the first and the second file"
                )
            yield one._replace(number=2 * number - 1)
            yield other._replace(number=2 * number)

    @property
    def identity(self) -> FileIdentity:
        """Size and digest of the first file in the last complete pass."""
        return self._first.identity

    def digest(self) -> FileIdentity:
        """Size and digest of the first file, without reading records."""
        return self._first.digest()


class SecondMates:
    """The second file, for its digest; its records come with those of the first."""

    def __init__(self, file: NucleotideFile) -> None:
        self._file = file
        self.label, self.path = file.label, file.path

    def __iter__(self) -> Iterator[Record]:
        """Give nothing: `FirstMates` has read it."""
        return iter(())

    @property
    def identity(self) -> FileIdentity:
        """Size and digest in the last complete pass."""
        return self._file.identity

    def digest(self) -> FileIdentity:
        """Size and digest, without reading records."""
        return self._file.digest()


def _missing(ended: NucleotideFile, longer: NucleotideFile, number: int, record: Record) -> InputError:
    return InputError(
        f"{ended.label} ends after record {number - 1}, but {longer.label} goes on with {shown(record.id, 100)!r}: "
        "mates are missing; is the file complete? ('seqkit pair' keeps the reads that have mates)"
    )


def pair_name(id_: str) -> str:
    """Name of a pair: what the IDs of its mates have in common.

    Examples
    --------
    >>> pair_name("read7/1"), pair_name("read7/2"), pair_name("read7")
    ('read7', 'read7', 'read7')
    """
    return id_[:-2] if id_.endswith(("/1", "/2")) else id_
