"""Rows of different lengths in one array."""

import numpy as np
import pytest

from virnucpro.sequences.ragged import Ragged

ROWS = [[1, 2, 3], [], [4], [5, 6, 7], [], [8, 9]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_rows_come_back(dtype):
    ragged = Ragged.of([np.array(row, dtype) for row in ROWS])
    assert len(ragged) == len(ROWS)
    assert ragged.values.dtype == dtype
    assert ragged.lengths.tolist() == [3, 0, 1, 3, 0, 2]
    assert [row.tolist() for row in ragged] == ROWS
    assert ragged[-1].tolist() == [8, 9]
    assert np.shares_memory(ragged[0], ragged.values)
    with pytest.raises(IndexError):
        ragged[6]


@pytest.mark.parametrize("chosen", [[3, 0, 0, 5], [1], [], list(range(6)), [5, 4, 3, 2, 1, 0]])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_take(chosen, dtype):
    taken = Ragged.of([np.array(row, dtype) for row in ROWS]).take(np.array(chosen, np.int64))
    assert [row.tolist() for row in taken] == [ROWS[row] for row in chosen]
    assert taken.values.dtype == dtype


def test_many_rows_of_many_lengths():
    generator = np.random.default_rng(2)
    rows = [generator.integers(0, 9, length) for length in generator.integers(0, 300, 500)]
    order = generator.permutation(500)
    taken = Ragged.of(rows).take(order)
    assert all((taken[place] == rows[row]).all() for place, row in enumerate(order))


def test_nothing():
    assert len(Ragged.of([])) == len(Ragged.of([]).take(np.empty(0, np.int64))) == 0
