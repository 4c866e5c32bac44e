"""Rows of different lengths in one array: tokens, base codes, letters.

Rows of equal length are copied together, by indexing a view of the array whose items are whole rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ragged", "by_length", "slices"]

GROUP_VALUES = 1 << 18
"""Values that are copied at a time, so that they stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths, end to end: tokens, base codes, letters."""

    values: NDArray[Any]  # (total,)
    offsets: NDArray[np.int64]  # (rows + 1,) start of each row, and end of the last one

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Values of each row."""
        return np.diff(self.offsets)

    def __getitem__(self, row: int) -> NDArray[Any]:
        """A view of one row."""
        row = range(len(self))[row]
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """Copy rows in the given order."""
        lengths = self.lengths[rows]
        taken = Ragged.empty(lengths, self.values.dtype)
        for length, group in by_length(lengths):
            slices(taken.values, length)[taken.offsets[group]] = slices(self.values, length)[self.offsets[rows[group]]]
        return taken

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]]) -> Ragged:
        """Concatenate rows."""
        offsets = np.cumsum([0, *map(len, rows)])
        return cls(np.concatenate(rows) if len(rows) else np.empty(0, np.uint8), offsets)

    @classmethod
    def empty(cls, lengths: NDArray[np.int64], dtype: np.typing.DTypeLike) -> Ragged:
        """Allocate rows of these lengths."""
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        return cls(np.empty(offsets[-1], dtype), offsets)


def slices(values: NDArray[Any], length: int) -> NDArray[np.void]:
    """View an array so that item i is the slice of `length` values that starts at i."""
    dtype = np.dtype((np.void, length * values.itemsize))
    return np.ndarray(max(len(values) - length + 1, 0), dtype, values, strides=(values.itemsize,))


def by_length(lengths: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield small groups of rows with equal length; rows of length 0 are left out."""
    if not lengths.any():
        return
    order = np.argsort(lengths.astype(np.min_scalar_type(lengths.max())), kind="stable")
    ordered = lengths[order]
    borders = np.flatnonzero(np.diff(ordered, prepend=0))
    for length, group in zip(ordered[borders].tolist(), np.split(order, borders)[1:], strict=True):
        rows_together = max(GROUP_VALUES // length, 1)
        for first in range(0, len(group), rows_together):
            yield length, group[first : first + rows_together]
