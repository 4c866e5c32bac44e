"""Regions of hand-made profiles, windows of 1,000 bp: host at -4, virus at +4."""

import time
from dataclasses import replace

import numpy as np
import pytest

from profiles import MADE, RULE, called, regions_of, spans
from virnucpro.scoring.regions import best_segments, find_regions
from virnucpro.scoring.rule import CallRule

HOST, VIRUS = [-4.0], [4.0]


def test_a_plateau_is_a_provirus():
    found = regions_of(HOST * 30 + VIRUS * 10 + HOST * 40)
    assert spans(found) == [(0, 30_000, 40_000, "provirus")]
    assert found.n_windows.tolist() == [10]
    assert found.score[0] > 0.95
    assert found.background[0] < 0.05


def test_what_a_region_scores_is_what_its_windows_score_as_a_record():
    inside, background = (4.0, 3.0, 5.0, 4.0, 2.0, 6.0), -4.0
    found = regions_of(HOST * 20 + list(inside) + HOST * 20)
    z = MADE.record_log_odds(np.array([4.0]), np.array([6]), np.array([6000]))
    assert found.score == pytest.approx(1 / (1 + np.exp(-z)))
    usual = MADE.non_viral_quantile(0.25, np.array([1000]))
    expected = (46 * background + 20 * usual) / 66
    assert found.background == pytest.approx(1 / (1 + np.exp(-expected)))
    rare = regions_of(HOST * 20 + list(inside) + HOST * 20, rule=CallRule(MADE, prior=0.01))
    assert (rare.score < found.score).all()
    assert (rare.background < found.background).all()


def test_two_plateaus_are_two_proviruses_and_a_dip_is_no_border():
    apart = HOST * 20 + VIRUS * 10 + HOST * 10 + VIRUS * 12 + HOST * 30
    assert spans(regions_of(apart)) == [(0, 20_000, 30_000, "provirus"), (0, 40_000, 52_000, "provirus")]
    dip = HOST * 20 + VIRUS * 10 + HOST * 2 + VIRUS * 12 + HOST * 40
    assert spans(regions_of(dip)) == [(0, 20_000, 44_000, "provirus")]


@pytest.mark.parametrize("spike", [[8.0], [30.0], [15.0, 15.0], [1.5] * 4])
def test_a_spike_is_no_provirus(spike):
    assert not len(regions_of(HOST * 50 + spike + HOST * 50))


def test_a_provirus_has_three_windows_and_3_kb():
    profile = HOST * 20 + [9.0] * 3 + HOST * 20
    assert spans(regions_of(profile)) == [(0, 20_000, 23_000, "provirus")]
    assert spans(regions_of(HOST * 20 + [15.0] * 2 + HOST * 20, window_bp=2000)) == []
    assert spans(regions_of(profile, lengths_bp=[42_900])) == []  # the windows overlap, so that three are under 3 kb


def test_a_provirus_may_reach_the_end_of_its_record():
    """An end that is not seen costs nothing: 8 log-odds for one end, not for two."""
    runs = [2.0] * 3
    assert spans(regions_of(runs + HOST * 9)) == [(0, 0, 3000, "provirus")]
    assert spans(regions_of(HOST * 9 + runs)) == [(0, 9000, 12_000, "provirus")]
    assert spans(regions_of([-8.0] * 10 + runs + [-8.0] * 30)) == []


def test_a_viral_record_is_one_region_over_its_scored_windows():
    profile = [None, *VIRUS * 5, *HOST * 3, *VIRUS * 20, None, None]
    found = regions_of(profile)
    assert spans(found) == [(0, 1000, 29_000, "virus")]
    assert found.n_windows.tolist() == [28]
    assert np.isnan(found.background).all()
    assert spans(regions_of(VIRUS)) == [(0, 0, 1000, "virus")]


def test_unscored_windows_in_a_run_do_not_count_and_a_long_gap_ends_it():
    def profile(gap):
        return HOST * 30 + VIRUS * 6 + [None] * gap + VIRUS * 6 + HOST * 30

    short = regions_of(profile(3))
    assert spans(short) == [(0, 30_000, 45_000, "provirus")]
    assert short.n_windows.tolist() == [12]
    assert spans(regions_of(profile(4))) == [(0, 30_000, 36_000, "provirus"), (0, 40_000, 46_000, "provirus")]
    assert spans(regions_of([None] * 3 + HOST * 30 + VIRUS * 8 + [None] * 2)) == [(0, 33_000, 41_000, "provirus")]


def test_a_record_of_few_windows_is_not_searched():
    assert spans(regions_of([9.0] * 3 + [-60.0] * 2)) == [(0, 0, 3000, "provirus")]
    assert spans(regions_of([9.0] * 3 + [-60.0])) == []
    assert spans(regions_of([9.0] * 3 + [-60.0] + [None] * 9)) == []
    assert spans(regions_of([None] * 9, [])) == []


def test_log_odds_are_above_the_record_s_own_background():
    """The same run of windows, where the rest is like other hosts and where it is nearly viral itself."""
    run = [1.5] * 12
    assert spans(regions_of(HOST * 60 + run + HOST * 60)) == [(0, 60_000, 72_000, "provirus")]
    assert spans(regions_of([-0.5] * 60 + run + [-0.5] * 60)) == []
    assert spans(regions_of([-40.0] * 60 + run + [-40.0] * 60)) == [(0, 60_000, 72_000, "provirus")]


def test_a_run_is_judged_by_what_it_has_above_that_background():
    """A score of 0.9 takes a mean of about 1.1: of 1.7, 0.9 are left above a background of about -1.3."""
    strict, run = replace(RULE, min_score=0.9), [1.7] * 12
    assert spans(regions_of([-1.0] * 60 + run + [-1.0] * 60)) == [(0, 60_000, 72_000, "provirus")]
    assert spans(regions_of([-1.0] * 60 + run + [-1.0] * 60, rule=strict)) == []
    assert spans(regions_of(HOST * 60 + run + HOST * 60, rule=strict)) == [(0, 60_000, 72_000, "provirus")]


def test_a_record_of_mostly_provirus_has_the_background_of_the_rest():
    assert spans(regions_of([-12.0] * 8 + [4.0] * 19)) == [(0, 8000, 27_000, "provirus")]


def test_a_run_needs_more_where_it_may_lie_at_more_places():
    run = [1.0] * 9
    assert spans(regions_of(HOST * 4 + run + HOST * 3)) == [(0, 4000, 13_000, "provirus")]
    assert spans(regions_of(HOST * 99 + run + HOST * 99)) == []
    assert spans(regions_of(HOST * 99 + [1.3] * 9 + HOST * 99)) == [(0, 99_000, 108_000, "provirus")]
    assert spans(regions_of(HOST * 2000 + [1.3] * 9 + HOST * 2000)) == []


def test_a_run_is_judged_as_a_record_of_its_windows():
    """Log-odds of 0.97 at 5 kb; 1.36 are needed at the conservative level and 0.68 at the default one."""
    profile = HOST * 15 + [0.65] * 5
    assert spans(regions_of(profile)) == [(0, 15_000, 20_000, "provirus")]
    assert not len(regions_of(profile, rule=replace(RULE, level="conservative")))
    assert not len(regions_of(profile, rule=replace(RULE, min_score=0.8)))
    assert not len(regions_of(HOST * 15 + [2.0] * 5, rule=CallRule(MADE, max_fdr=1e-9)))


def test_without_a_calibration_there_are_no_regions():
    assert not len(regions_of(VIRUS * 9, HOST * 20 + VIRUS * 9 + HOST * 20, rule=CallRule()))


def test_records_do_not_touch_each_other():
    host, provirus, virus = HOST * 30, HOST * 20 + VIRUS * 10 + HOST * 20, VIRUS * 7
    found = regions_of(virus, host, provirus, [None] * 3, provirus[10:], virus)
    assert spans(found) == [
        (0, 0, 7000, "virus"), (2, 20_000, 30_000, "provirus"), (4, 10_000, 20_000, "provirus"), (5, 0, 7000, "virus"),
    ]  # fmt: skip
    assert spans(regions_of(HOST * 20 + [6.0] * 2, [6.0] * 2 + HOST * 20)) == []


@pytest.mark.parametrize(
    ("gains", "cost", "expected"),
    [
        ([], 1, []),
        ([-1, -1], 1, []),
        ([1, 1], 1, [(0, 2)]),
        ([-5, 3, -5], 1, [(1, 2)]),
        ([-5, 2, -5], 1, []),  # two ends cost as much as it gains: a tie
        ([2, -5], 1, [(0, 1)]),
        ([-5, 4, -2, 4, -5], 1, [(1, 2), (3, 4)]),  # a tie: both ways have these
        ([-5, 4, -1, 4, -5], 1, [(1, 4)]),
        ([-5, 0, 9, 0, -5], 1, [(2, 3)]),
    ],
)
def test_segments_by_hand(gains, cost, expected):
    assert best_segments(np.array(gains, np.float64), cost) == expected


def test_a_chromosome_takes_milliseconds():
    generator = np.random.default_rng(3)
    profile = generator.normal(-3, 2, 5000)
    for start in range(0, 5000, 500):
        profile[start + 100 : start + 140] += 6
    calls, scored, windows = called(profile.tolist())
    assert len(find_regions(calls, scored, windows, RULE)) == 10
    seconds = []
    for _ in range(5):
        began = time.process_time()
        find_regions(calls, scored, windows, RULE)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.05
