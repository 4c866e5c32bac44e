"""Rows of different lengths in one block of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ragged"]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths, end to end: tokens, base codes, letters.

    Examples
    --------
    >>> rows = Ragged.of([np.array([1, 2, 3]), np.array([], int), np.array([4])])
    >>> rows.lengths.tolist(), rows.take(np.array([2, 0])).values.tolist()
    ([3, 0, 1], [4, 1, 2, 3])
    """

    values: NDArray[Any]  # (total,)
    offsets: NDArray[np.int64]  # (rows + 1,) where each row begins, and where the last one ends

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Values of each row, shape (rows,)."""
        return np.diff(self.offsets)

    def __getitem__(self, row: int) -> NDArray[Any]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """Copy those rows, in that order."""
        lengths = self.lengths[rows]
        offsets = _offsets(lengths)
        shifts = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.values[shifts + np.arange(offsets[-1])], offsets)

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]]) -> Ragged:
        """Lay rows end to end."""
        values = np.concatenate(rows) if len(rows) else np.empty(0, np.int64)
        return cls(values, _offsets(np.array([len(row) for row in rows], np.int64)))


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
