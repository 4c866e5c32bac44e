"""The best rows of a table that is too long to keep, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TopRows"]

Column = NDArray[Any]


class TopRows:
    """Keeps the rows with the highest scores, of equal ones the longest, of equal ones the first."""

    def __init__(self, capacity: int, names: Sequence[str]) -> None:
        self.seen = 0
        self._capacity, self._names = capacity, ("score", "length", *names)
        self._lowest = -np.inf
        self._kept: list[list[Column]] = []  # blocks of columns, in the order they came
        self._rows = 0

    def wanted(self, score: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which rows may be among the best, so that columns are made for them only; counts all of them."""
        self.seen += len(score)
        return score >= self._lowest

    def add(self, *columns: Column) -> None:
        """Take rows: scores, lengths, and a column for each name."""
        self._kept.append(list(columns))
        self._rows += len(columns[0])
        if self._rows >= 2 * self._capacity:
            self._drop()

    def columns(self) -> dict[str, Column]:
        """Give the best rows, best first."""
        self._drop()
        return dict(zip(self._names, self._kept[0], strict=True)) if self._kept else {}

    def _drop(self) -> None:
        if not self._kept:
            return
        joined = [np.concatenate(blocks) for blocks in zip(*self._kept, strict=True)]
        best = np.lexsort((-joined[1], -joined[0]))[: self._capacity]
        self._kept = [[column[best] for column in joined]]
        self._rows = len(best)
        if self._rows == self._capacity and self._capacity:
            self._lowest = float(joined[0][best[-1]])
