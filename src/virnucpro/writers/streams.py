"""Writers of files that are written from their first byte to their last."""

from __future__ import annotations

import gzip
from types import TracebackType
from typing import BinaryIO, ClassVar, Final, Self, cast

from virnucpro.runs.results import Results
from virnucpro.writers.writer import SampleFacts

__all__ = ["GzipWriter", "StreamWriter", "gzip_stream"]

GZIP_LEVEL: Final = 3
"""Sequences and scores shrink little more at higher levels, which take several times as long."""


class StreamWriter:
    """One result file, which stays open until its run is published."""

    NAME: ClassVar[str]

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        self.facts, self.stream = facts, results.open(self.NAME)

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:  # noqa: ARG003  other writers go by them
        """Name its file."""
        return [cls.NAME]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file; `Results` closes it."""
        if error is None:
            self.complete()

    def complete(self) -> None:
        """Write what stands behind the last record."""


class GzipWriter(StreamWriter):
    """A compressed result; the same content gives the same bytes."""

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self.stream = gzip_stream(self.stream)

    def complete(self) -> None:
        """Write the end of the compressed data."""
        self.stream.close()


def gzip_stream(stream: BinaryIO) -> BinaryIO:
    """Compress into a stream, which stays open; without name and time of the file."""
    return cast("BinaryIO", gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0))
