"""Writers of files that are written from their first byte to their last."""

from __future__ import annotations

import gzip
from typing import BinaryIO, ClassVar, Final, cast

from virnucpro.runs.results import Results
from virnucpro.writers.writer import SampleFacts, Writer

__all__ = ["StreamWriter", "gzip_stream"]

GZIP_LEVEL: Final = 3
"""Sequences and scores shrink little more at higher levels, which take several times as long."""


class StreamWriter(Writer):
    """One result file, which stays open until its run is published."""

    NAME: ClassVar[str]

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self.stream = results.open(self.NAME)

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:  # noqa: ARG003  other writers go by them
        """Name its file."""
        return [cls.NAME]


def gzip_stream(stream: BinaryIO) -> BinaryIO:
    """Compress into a stream, which stays open; without name and time of the file."""
    return cast("BinaryIO", gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0))
