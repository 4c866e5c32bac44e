"""Which records of two runs are the same one."""

import numpy as np
import pytest

from virnucpro.verbs.compare import _keys
from virnucpro.writers.table import Table


def run(records, dtype=None):
    samples, ids = zip(*records, strict=True) if records else ((), ())
    return Table({"sample": np.array(samples, dtype or "U9"), "record": np.array(ids, dtype or "U9")})


def matched(first, second):
    keys = _keys((first, second))
    return [(int(row), int(np.flatnonzero(keys[1] == key)[0])) for row, key in enumerate(keys[0]) if key in keys[1]]


@pytest.mark.parametrize("dtype", [None, object])
def test_records_match_by_sample_id_and_order(dtype):
    first = run([("s", "a"), ("s", "a"), ("t", "a"), ("t", "b")], dtype)
    second = run([("t", "a"), ("s", "a"), ("s", "b"), ("s", "a"), ("s", "a")], dtype)
    assert matched(first, second) == [(0, 1), (1, 3), (2, 0)]


def test_the_name_of_a_single_sample_does_not_matter():
    assert matched(run([("s", "a"), ("s", "b")]), run([("t", "b"), ("t", "a")])) == [(0, 1), (1, 0)]


def test_runs_without_records():
    assert matched(run([]), run([])) == []
    assert matched(run([("s", "a")]), run([])) == []
