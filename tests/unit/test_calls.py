"""From scores of rows to calls of windows and records."""

from dataclasses import replace

import numpy as np
import pytest

from scored_rows import scored_windows
from virnucpro.scoring.calls import call_records
from virnucpro.scoring.rule import CallRule
from virnucpro.scoring.windows import ScoredWindows
from virnucpro.sequences.windows import WindowStatus


def calls_of(lengths_bp, *windows, rule=None):
    rule, scored = rule or CallRule(), scored_windows(*windows)
    return call_records(np.array(lengths_bp, np.int64), scored, rule.window_scores(scored), rule)


@pytest.mark.parametrize(
    ("viral_scores", "is_viral"),
    [((0.9,), True), ((0.4,), False), ((0.5,), True), ((0.4, 0.7), True), ((0.1, 0.7), False), ((0.3, 0.7), True)],
)
def test_a_window_is_viral_when_its_best_viral_score_is_at_least_its_best_other(viral_scores, is_viral):
    """0.1 and 0.7: the best non-viral score is 0.9, which is more than 0.7."""
    windows = CallRule().window_scores(scored_windows((0, 0, 9, viral_scores)))
    assert windows.is_viral.tolist() == [is_viral]
    assert (windows.score >= 0.5).tolist() == [is_viral]


def test_a_window_without_a_row_has_no_score_and_takes_none_from_its_neighbours():
    scored = scored_windows((0, 0, 9, (0.9,)), (0, 9, 18), (1, 0, 9, (0.2,)), (2, 0, 9))
    windows = CallRule().window_scores(scored)
    assert windows.has_score.tolist() == [True, False, True, False]
    assert windows.score[[0, 2]] == pytest.approx([0.9, 0.2])
    assert windows.is_viral.tolist() == [True, False, False, False]


def test_a_record_s_score_is_the_mean_of_its_windows_and_does_not_grow_with_their_number():
    few = [(0, 0, 45, (0.9,)), (0, 45, 90, (0.2,))]
    calls = calls_of([90], *few)
    assert calls.score == pytest.approx([0.55])
    assert (calls.call[0], calls.status[0], calls.n_windows[0], calls.n_scored[0]) == ("viral", "scored", 2, 2)
    assert calls.best_window.tolist() == [0]
    assert calls_of([90], *few * 50).score == pytest.approx(calls.score)
    assert calls_of([90], *few, rule=CallRule(min_score=0.6)).call.tolist() == ["non-viral"]


def test_what_a_call_says_of_its_threshold():
    calls = calls_of([90, 9, 90], (0, 0, 90, (0.9,)), (2, 0, 90, (0.2,)), rule=CallRule(min_score=0.6))
    assert calls.threshold == pytest.approx([0.6, np.nan, 0.6], nan_ok=True)
    assert calls.margin == pytest.approx([0.3, np.nan, -0.4], nan_ok=True, abs=1e-7)
    assert np.isnan(calls.fdr).all()


NO_ROW = (0, 0, 9, ())


@pytest.mark.parametrize(
    ("windows", "status"),
    [
        ([], "too_short"),
        ([(*NO_ROW, WindowStatus.NO_OPEN_FRAME)] * 2 + [(*NO_ROW, WindowStatus.AMBIGUOUS)], "no_open_frame"),
        ([(*NO_ROW, WindowStatus.TOO_SHORT)], "too_short"),
        ([(*NO_ROW, WindowStatus.AMBIGUOUS)], "ambiguous"),
        ([(*NO_ROW, WindowStatus.SCORED)], "failed"),
    ],
)
def test_a_record_without_a_score_says_why(windows, status):
    calls = calls_of([9], *windows)
    assert np.isnan([calls.score, calls.threshold, calls.margin, calls.fdr]).all()
    assert (calls.call[0], calls.status[0], calls.best_window[0]) == ("not_scored", status, -1)


def test_a_record_without_letters_is_empty():
    assert calls_of([0, 9]).status.tolist() == ["empty", "too_short"]


@pytest.mark.parametrize(
    ("places", "bases"), [([(0, 500), (400, 900)], 900), ([(0, 500), (1000, 1500)], 1000), ([(700, 900)], 200)]
)
def test_a_record_is_judged_by_the_bases_that_scored_windows_cover(places, bases):
    seen = []

    class Recording(CallRule):
        def judge(self, means, windows, scored_bp):
            seen.append(scored_bp.tolist())
            return CallRule().judge(means, windows, scored_bp)

    lost = (1, 1500, 5000, (), WindowStatus.AMBIGUOUS)
    windows = [(1, start, end, (0.9,)) for start, end in places]
    calls = calls_of([700, 5000, 700], (0, 0, 700, (0.9,)), *windows, lost, (2, 0, 700, (0.9,)), rule=Recording())
    assert calls.lengths_bp.tolist() == [700, 5000, 700]
    assert seen == [[700, bases, 700]]


def test_every_record_meets_its_own_windows_and_only_those():
    calls = calls_of([9] * 4, (1, 0, 9, (0.9,)), (1, 5, 14, (0.7,)), (3, 0, 9, (0.1,)))
    assert calls.score == pytest.approx([np.nan, 0.8, np.nan, 0.1], nan_ok=True)
    assert calls.n_windows.tolist() == [0, 2, 0, 1]
    assert calls.best_window.tolist() == [-1, 0, -1, 2]


def test_of_equal_windows_the_first_is_the_best():
    assert calls_of([9], (0, 0, 9, (0.2,)), (0, 5, 14, (0.7,)), (0, 9, 18, (0.7,))).best_window.tolist() == [1]


@pytest.fixture
def many():
    """Five records of 0 to 4 windows of 0 to 2 rows."""
    generator = np.random.default_rng(4)
    windows = [
        (record, 9 * n, 9 * n + 9, tuple(generator.random(int(generator.integers(3))).tolist()))
        for record, count in enumerate([2, 0, 4, 1, 3])
        for n in range(count)
    ]
    return windows, scored_windows(*windows)


def columns(scored):
    windows = scored.windows
    return [
        windows.record_rows, windows.numbers, windows.starts, windows.ends, scored.status, scored.row_windows,
        scored.frames, scored.scores, scored.log_odds, scored.classes,
    ]  # fmt: skip


@pytest.mark.parametrize("cut", range(6))
def test_windows_of_some_records_put_behind_each_other_are_the_windows_of_all(many, cut):
    _, whole = many
    first, second = whole.records(0, cut), whole.records(cut, 5)
    assert first.windows.record_rows.max(initial=-1) < cut
    for own, other in zip(columns(ScoredWindows.join(first, second.moved(cut))), columns(whole), strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("record", range(5))
def test_a_record_is_called_alone_as_in_company(many, record):
    windows, whole = many
    rule = CallRule()
    lengths = np.arange(100, 600, 100)
    together = call_records(lengths, whole, rule.window_scores(whole), rule)
    own = [replace_record(window) for window in windows if window[0] == record]
    alone = calls_of([lengths[record]], *own)
    for name in ("lengths_bp", "n_windows", "n_scored", "score", "margin", "call", "status"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[record])


def replace_record(window):
    return (0, *window[1:])


def test_classes_of_a_record_are_the_mean_of_its_rows():
    scored = scored_windows((0, 0, 9, (0.1, 0.2)), (0, 9, 18, (0.3,)), (1, 0, 9))
    marked = replace(scored, classes=np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32))
    rule = CallRule()
    calls = call_records(np.array([18, 9]), marked, rule.window_scores(marked), rule)
    np.testing.assert_allclose(calls.classes, [[0.5, 0.5], [np.nan, np.nan]])
    assert calls_of([9], (0, 0, 9, (0.1,))).classes.shape == (1, 0)


def test_classes_travel_with_their_rows(many):
    _, whole = many
    rows = len(whole.row_windows)
    marked = replace(whole, classes=np.arange(2 * rows, dtype=np.float32).reshape(rows, 2))
    parts = [marked.records(record, record + 1) for record in range(5)]
    np.testing.assert_array_equal(np.concatenate([part.classes for part in parts]), marked.classes)
