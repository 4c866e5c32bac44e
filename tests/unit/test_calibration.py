"""The curves of a calibration, by hand; and the rule that calls by them."""

import copy
import json
import math

import numpy as np
import pytest

from calibration_by_hand import CALIBRATION
from scored_rows import scored_windows
from virnucpro.errors import ConfigError, WeightsError
from virnucpro.scoring.calibration import FDR_ROWS, LEVELS, Calibration, prior_logit
from virnucpro.scoring.calls import call_records
from virnucpro.scoring.prior import ScoreHistogram
from virnucpro.scoring.rule import MATES_FACTOR, CallRule, choose_rule
from virnucpro.scoring.windows import probability

MADE = Calibration.from_dict(CALIBRATION)


def log_odds_of(window_log_odds, length_bp):
    """Calibrated log-odds of one record from those of its windows."""
    found = MADE.record_log_odds(
        np.array([np.mean(window_log_odds)]), np.array([len(window_log_odds)]), np.array([length_bp])
    )
    return found[0]


def fdr_of(z, length_bp, prior, made=MADE):
    """Rate of one record."""
    return made.fdr(np.array([float(z)]), np.array([length_bp]), prior)[0]


def test_what_is_read_is_what_was_given():
    assert MADE.to_dict() == CALIBRATION
    assert Calibration.from_dict(json.loads(json.dumps(MADE.to_dict()))).to_dict() == CALIBRATION


@pytest.mark.parametrize(
    ("length", "expected"),
    [(50, 1.0), (100, 1.0), (1000, 1.5), (5000, 1.5), (math.sqrt(100 * 1000), 2 * 0.75 - 0.25)],
)
def test_windows_by_the_logarithm_of_their_length(length, expected):
    assert MADE.window_log_odds(2.0, length) == pytest.approx(expected)
    assert MADE.window_log_odds([2.0, 2.0], [length, 100]) == pytest.approx([expected, 1.0])


def test_a_record_s_log_odds_grow_with_its_windows_as_gamma_says():
    assert log_odds_of([2.0], 150) == pytest.approx(2.0 + 0.1)
    assert log_odds_of([1.0, 3.0, 2.0, 2.0], 1500) == pytest.approx(0.8 * 2.0 * 2.0)
    assert log_odds_of([-2.0] * 9, 20_000) == pytest.approx(0.6 * 3 * -2.0)


def test_thresholds_by_level_and_length():
    assert [MADE.threshold(level, 1500) for level in ("conservative", "default", "relaxed")] == [2.0, 1.0, 0.0]
    assert MADE.threshold("default", 10) == 1.5
    assert MADE.threshold("conservative", round(math.sqrt(1500 * 10_000))) == pytest.approx(1.5, abs=1e-3)


def test_the_share_of_false_calls_is_bayes_and_falls_with_the_score():
    assert fdr_of(0.0, 150, 0.5) == pytest.approx(0.2 / (0.2 + 0.8))
    assert fdr_of(0.0, 150, 0.1) == pytest.approx(0.9 * 0.2 / (0.9 * 0.2 + 0.1 * 0.8))
    assert fdr_of(-9.0, 150, 0.3) == pytest.approx(0.7)
    assert fdr_of(4.0, 5000, 0.5) == 0
    middle = round(math.sqrt(150 * 1500))
    assert fdr_of(0.0, middle, 0.5) == pytest.approx(0.15 / (0.15 + 0.85), abs=1e-3)
    rates = [fdr_of(z, 700, 0.2) for z in np.linspace(-6, 6, 50)]
    assert rates == sorted(rates, reverse=True)


def test_the_share_of_false_calls_never_rises_even_where_few_were_measured():
    content = copy.deepcopy(CALIBRATION)
    content["operating"]["fpr"][0], content["operating"]["tpr"][0] = [1.0, 0.01, 0.01], [1.0, 0.9, 0.1]
    content["operating"]["fpr"][1], content["operating"]["tpr"][1] = [1.0, 0.1, 0.0], [1.0, 0.9, 0.0]
    made = Calibration.from_dict(content)
    assert fdr_of(4.0, 150, 0.5, made) == fdr_of(0.0, 150, 0.5, made) == pytest.approx(0.01 / 0.91)
    assert fdr_of(9.0, 1500, 0.5, made) == pytest.approx(0.1)


def test_rates_of_many_records_are_each_their_own():
    """More than are computed together, of all lengths and scores."""
    generator = np.random.default_rng(2)
    z, lengths = generator.uniform(-6, 6, FDR_ROWS + 3), generator.integers(50, 20_000, FDR_ROWS + 3)
    rates = MADE.fdr(z, lengths, 0.3)
    chosen = [0, 1, FDR_ROWS - 1, FDR_ROWS, FDR_ROWS + 2]
    assert rates[chosen].tolist() == [fdr_of(z[row], lengths[row], 0.3) for row in chosen]
    assert MADE.fdr(np.empty(0), np.empty(0, np.int64), 0.3).shape == (0,)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.pop("gamma"), "lacks 'gamma'"),
        (lambda c: c["thresholds"].pop("relaxed"), "lacks 'relaxed'"),
        (lambda c: c.update(more=1), "more is not known"),
        (lambda c: c.update(gamma="much"), "cannot be read"),
        (lambda c: c.update(gamma=1.5), "gamma is 1.5, not 0 to 1"),
        (lambda c: c.update(gamma=float("nan")), "not finite"),
        (lambda c: c["window"].update(lengths=[100, 100]), "not positive and ascending"),
        (lambda c: c["window"].update(lengths=[]), "not positive and ascending"),
        (lambda c: c["record"].update(slope=[1.0, 1.0]), "slopes or intercepts are not as many"),
        (lambda c: c["record"].update(slope=[1.0, 0.0, 1.0]), "a slope is not positive"),
        (lambda c: c["thresholds"].update(default=[1.0]), "thresholds are not as many"),
        (lambda c: c["thresholds"].update(relaxed=[0, 1.1, 0]), "careful level has a lower threshold"),
        (lambda c: c["operating"].update(z=[0, 0, 1]), "z does not ascend"),
        (lambda c: c["operating"]["fpr"].pop(), "rates are not as many"),
        (lambda c: c["operating"]["tpr"][1].pop(), "rates are not as many"),
        (lambda c: c["operating"]["tpr"][1].__setitem__(0, 1.1), "a rate is not between 0 and 1"),
    ],
)
def test_a_calibration_that_is_not_whole_is_refused(change, told):
    content = copy.deepcopy(CALIBRATION)
    change(content)
    with pytest.raises(WeightsError, match=told):
        Calibration.from_dict(content)


def of_windows(*log_odds, bases=500):
    """Windows of one record, end to end, each of one row with these log-odds."""
    return scored_windows(*((0, n * bases, (n + 1) * bases, ((0.5, odds),)) for n, odds in enumerate(log_odds)))


def called(rule, *log_odds):
    scored = of_windows(*log_odds, bases=1500)
    return call_records(np.array([1500]), scored, rule.window_scores(scored), rule)


def test_a_call_is_the_threshold_s_and_the_score_the_prior_s():
    z = 0.8 * float(MADE.window_log_odds(2.5, 1500))
    level = {level: called(CallRule(MADE, level=level), 2.5) for level in ("conservative", "default", "relaxed")}
    assert 1.0 < z < 2.0
    assert [calls.call[0] for calls in level.values()] == ["non-viral", "viral", "viral"]
    assert [calls.score[0] for calls in level.values()] == pytest.approx([1 / (1 + math.exp(-z))] * 3)
    rare = called(CallRule(MADE, prior=0.01), 2.5)
    assert rare.score[0] == pytest.approx(1 / (1 + math.exp(-z - math.log(0.01 / 0.99))))
    assert rare.call[0] == "viral"
    assert rare.fdr[0] == pytest.approx(fdr_of(z, 1500, 0.01))
    assert rare.fdr[0] > level["default"].fdr[0]
    assert called(CallRule(MADE, prior=0.01, min_score=0.5), 2.5).call[0] == "non-viral"


def test_two_mates_say_more_than_one_window():
    means, bp = np.array([1.0, -1.0]), np.array([300, 300])
    two, one = np.array([2, 2]), np.array([1, 1])
    rule, pairs = CallRule(MADE), CallRule(MADE, paired=True)
    assert (pairs.judge(means, two, bp).margin == rule.judge(MATES_FACTOR * means, two, bp).margin).all()
    assert (pairs.judge(means, one, bp).margin == rule.judge(means, one, bp).margin).all()


def test_margin_and_threshold_tell_how_near_a_call_was():
    z = 0.8 * float(MADE.window_log_odds(2.5, 1500))
    calls = called(CallRule(MADE, prior=0.2), 2.5)
    assert calls.margin[0] == pytest.approx(z - 1.0)
    assert calls.threshold[0] == pytest.approx(1 / (1 + math.exp(-1.0 - prior_logit(0.2))))
    by_score = called(CallRule(MADE, prior=0.2, min_score=0.3), 2.5)
    assert by_score.threshold[0] == pytest.approx(0.3)
    assert by_score.margin[0] == pytest.approx(z - (math.log(0.3 / 0.7) - prior_logit(0.2)))


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({"prior": 0.99995, "max_fdr": 0.1}, "viral"),
        ({"prior": 0.5, "max_fdr": 0.1}, None),
        ({"prior": 0.01, "max_fdr": 1e-9}, None),  # none of the shorter lengths, some of the others
        ({"prior": 0.99, "min_score": 0.5}, "viral"),
        ({"prior": 0.5, "min_score": 0.5}, None),
        ({"prior": 0.01, "min_score": 0.5}, "non-viral"),
        ({"prior": 0.5, "min_score": 0.0}, None),  # by the option, not by the prior
        ({"prior": 0.99995}, None),  # levels do not depend on it
    ],
)
def test_where_the_prior_makes_the_calls(options, call):
    rule = CallRule(MADE, **options)
    assert rule.call_whatever_the_score() == call
    z = np.array([-4.0, 4.0])
    limits = rule._limits(MADE, np.array([150, 150]))
    if call == "viral":
        assert (z >= limits).all()
    assert CallRule(None, min_score=0.5).call_whatever_the_score() is None


def test_windows_have_the_prior_s_score_and_the_best_one_is_theirs():
    rule = CallRule(MADE, prior=0.2)
    windows = rule.window_scores(of_windows(-1.0, 3.0))
    z = MADE.window_log_odds([-1.0, 3.0], 500)
    assert windows.log_odds == pytest.approx(z)
    assert windows.score == pytest.approx(1 / (1 + np.exp(-z - prior_logit(0.2))))
    assert called(rule, -1.0, 3.0).best_window.tolist() == [1]


@pytest.mark.parametrize("chosen", [{"level": level} for level in LEVELS] + [{"min_score": 0.3, "prior": 0.2}])
def test_a_window_is_called_as_a_record_that_is_just_this_window(chosen):
    rule, calls = CallRule(MADE, **chosen), []
    for odds in np.linspace(-3, 9, 25):
        scored = of_windows(odds)
        windows = rule.window_scores(scored)
        calls.append(bool(windows.is_viral[0]))
        assert call_records(np.array([500]), scored, windows, rule).call[0] == ("viral" if calls[-1] else "non-viral")
    assert calls == sorted(calls)
    assert len(set(calls)) == 2


def test_without_a_calibration_nothing_changes():
    calls = called(CallRule(), np.nan)
    assert (calls.score[0], calls.call[0], np.isnan(calls.fdr[0])) == (0.5, "viral", True)
    assert np.isnan(CallRule().window_scores(of_windows(1.0)).log_odds).all()
    assert CallRule().describe() == {"min_score": 0.5}
    assert CallRule(MADE, prior=0.1).describe() == {"prior": 0.1, "level": "default"}
    assert CallRule(MADE, min_score=0.7).describe() == {"prior": 0.5, "min_score": 0.7}


def test_log_odds_of_a_window_are_the_mean_of_its_rows():
    scored = scored_windows((0, 0, 500, ((0.5, 9.0), (0.5, -1.0))), (0, 500, 1000), (0, 1000, 1500, ((0.5, 2.0),)))
    windows = CallRule(MADE).window_scores(scored)
    assert windows.log_odds == pytest.approx([*MADE.window_log_odds([4.0], 500), np.nan, *MADE.window_log_odds([2.0], 500)], nan_ok=True)  # fmt: skip
    huge = CallRule(MADE).window_scores(scored_windows((0, 0, 500, ((0.5, 900.0), (0.5, -100.0)))))
    assert huge.score.tolist() == [1.0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"min_score": 0.5, "level": "relaxed"}, "--min-score and --relaxed exclude each other"),
        ({"prior": 0.0}, "give one between 0 and 1"),
    ],
)
def test_choices_that_exclude_each_other(options, told):
    with pytest.raises(ConfigError, match=told):
        choose_rule(CALIBRATION, **options)


@pytest.mark.parametrize(
    ("options", "told"), [({"level": "conservative"}, "--conservative"), ({"prior": 0.5}, "--prior")]
)
def test_what_needs_a_calibration(options, told):
    with pytest.raises(ConfigError, match=f"{told}: this classifier is not calibrated"):
        choose_rule(None, **options)
    assert choose_rule(None, min_score=0.3) == CallRule(min_score=0.3)
    assert choose_rule(CALIBRATION, **options).calibration == MADE


def test_a_threshold_of_an_fdr_is_where_the_fdr_is_reached():
    lengths = np.array([100, 150, 900, 20_000])
    for max_fdr in (0.01, 0.05, 0.2):
        limits = MADE.threshold_of_fdr(max_fdr, lengths, 0.5)
        at, below = (MADE.fdr(limits + step, lengths, 0.5) for step in (1e-6, -1e-3))
        reached = np.isfinite(limits)
        assert (at[reached] <= max_fdr + 1e-6).all()
        assert (below[reached] > max_fdr).all()
    assert (MADE.threshold_of_fdr(1.0, lengths, 0.5) == -np.inf).all()


def test_the_viral_share_is_found_in_scores_that_are_calibrated():
    generator = np.random.default_rng(3)
    for share in (0.02, 0.3, 0.9):
        viral = generator.random(20_000) < share
        z = generator.normal(np.where(viral, 2.0, -2.0), 2.0)  # log-odds of two normals, 4 apart over a variance of 4
        histogram = ScoreHistogram()
        histogram.add(np.append(probability(z), np.nan))
        assert histogram.records == 20_000
        assert abs(histogram.viral_share() - viral.mean()) < 0.015


@pytest.mark.parametrize("length", [100, 700, 1000])
def test_windows_are_taken_back_to_what_they_were(length):
    assert MADE.window.undo(MADE.window.apply([-3.0, 0.5], length), length) == pytest.approx([-3.0, 0.5])


@pytest.mark.parametrize(("share", "z"), [(0.25, -4 + 4 * 0.25 / 0.8), (0.8, 0.0), (0.0, -4.0), (0.999, 4.0)])
def test_the_log_odds_that_a_share_of_non_viral_windows_stays_below(share, z):
    """At 150 bp every window is above -4, a fifth above 0 and 1 % above 4; 0.1 more as a record than as a window."""
    assert MADE.non_viral_quantile(share, np.array([150])) == pytest.approx([z - 0.1])


def test_quantiles_of_windows_by_their_length():
    between = (1.0 * 0.2 + 1.0 * 0.1) / 2  # the false positive rate at 0, half way between the knots
    z = -4 + 4 * 0.25 / (1 - between)
    lengths = np.array([150, round(math.sqrt(150 * 1500)), 1500])
    found = MADE.non_viral_quantile(0.25, lengths)
    assert found[1] == pytest.approx((z - 0.05) / 0.9, abs=1e-3)
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("options", [{"min_score": math.nan}, {"max_fdr": math.nan}, {"max_fdr": 1.5}])
def test_what_is_no_share(options):
    with pytest.raises(ConfigError, match="give a number from 0 to 1"):
        choose_rule(MADE.to_dict(), **options)
