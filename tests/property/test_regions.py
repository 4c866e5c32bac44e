"""Regions of any profiles: mirror images, inside their record, disjoint, whatever stands beside them."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles import regions_of, spans
from virnucpro.scoring.regions import best_segments

levels = st.sampled_from([-6.0, -4.0, -1.0, 0.0, 1.0, 3.0, 6.0, None])
runs = st.lists(st.tuples(levels, st.integers(1, 15)), min_size=1, max_size=9)
profiles = st.builds(
    lambda made, seed: [
        None if level is None else level + shift
        for (level, count) in made
        for shift in np.random.default_rng(seed + count).uniform(-1, 1, count).tolist()
    ],
    runs,
    st.integers(0, 99),
)
plain = runs.map(lambda made: [level for level, count in made for _ in range(count)])
any_profile = st.one_of(profiles, plain)


@settings(max_examples=200, deadline=None)
@given(any_profile, st.integers(0, 400))
def test_the_reverse_complement_has_the_mirror_images(profile, less_bp):
    length = 1000 * len(profile) - less_bp
    ahead, behind = (regions_of(one, lengths_bp=[length]) for one in (profile, profile[::-1]))
    mirrored = [(0, length - end, length - start, kind) for _, start, end, kind in spans(behind)][::-1]
    assert spans(ahead) == mirrored
    assert ahead.score == pytest.approx(behind.score[::-1])
    assert ahead.background == pytest.approx(behind.background[::-1], nan_ok=True)


@settings(max_examples=200, deadline=None)
@given(st.lists(any_profile, min_size=1, max_size=4))
def test_regions_are_disjoint_and_inside_their_record_whatever_stands_beside_it(some):
    found = spans(regions_of(*some))
    alone = [(row, *span[1:]) for row, profile in enumerate(some) for span in spans(regions_of(profile))]
    assert found == alone == spans(regions_of(*some))
    assert all(0 <= start < end <= 1000 * len(some[row]) for row, start, end, _ in found)
    assert all(one[0] < other[0] or one[2] < other[1] for one, other in pairwise(found))
    for row, start, end, kind in found:
        scored = sum(z is not None for z in some[row][start // 1000 : end // 1000])
        assert kind == "virus" or scored >= 3


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-4, 4), max_size=9), st.sampled_from([0.5, 1.0, 2.0, 3.0]))
def test_segments_are_what_all_best_choices_share(gains, end_cost):
    best, chosen = -np.inf, []
    for inside in product([False, True], repeat=len(gains)):
        ends = sum(one != other for one, other in pairwise(inside))
        gain = sum(value for value, used in zip(gains, inside, strict=True) if used) - end_cost * ends
        if gain > best:
            best, chosen = gain, []
        if gain == best:
            chosen.append(inside)
    expected = np.all(chosen, axis=0) if gains else np.empty(0, bool)
    found = np.zeros(len(gains), bool)
    for begin, end in best_segments(np.array(gains, np.float64), end_cost):
        assert end > begin
        found[begin:end] = True
    assert found.tolist() == expected.tolist()
