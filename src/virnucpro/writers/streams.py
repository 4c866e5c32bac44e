"""Writers of one file that is written from its first byte to its last."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from virnucpro.runs.results import Results

__all__ = ["StreamWriter"]


class StreamWriter:
    """A result file that stays open until its run is published."""

    def __init__(self, results: Results, name: str) -> None:
        self.stream = results.open(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: `Results` closes the file."""
