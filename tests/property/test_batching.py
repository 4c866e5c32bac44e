"""A plan holds every index once, within its budget, longest first."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from virnucpro import get_batch_indices

short = st.tuples(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 40))  # exact fits are common
real = st.tuples(st.lists(st.integers(0, 3000), max_size=200), st.integers(1, 4096))


@given(st.one_of(short, real))
def test_plan(case):
    lengths, budget = case
    plan = get_batch_indices(lengths, budget)
    order = [index for batch in plan for index in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert all(batch for batch in plan)
    assert all(len(batch) == 1 or sum(lengths[i] + 2 for i in batch) <= budget for batch in plan)
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)
    assert plan == get_batch_indices(lengths, budget)
    assert all(  # no batch ends while the next sequence would still have fitted
        sum(lengths[i] + 2 for i in batch) + lengths[following[0]] + 2 > budget for batch, following in pairwise(plan)
    )
