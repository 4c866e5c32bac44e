"""The curves of a calibration, by hand; and the rule that calls by them."""

import copy
import json
import math

import numpy as np
import pytest
from virnucpro.scoring.call_rule import CallRule, choose_rule
from virnucpro.scoring.scores import PartScores, ScoredFrame, ScoredWindow

from mini_layout import CALIBRATION
from virnucpro.errors import ConfigError, WeightsError
from virnucpro.records import Record
from virnucpro.scoring.calibration import LEVELS, Calibration, prior_logit
from virnucpro.scoring.calls import call_record
from virnucpro.sequences.windows import Outcome

MADE = Calibration.from_dict(CALIBRATION)


def test_what_is_read_is_what_was_given():
    assert MADE.to_dict() == CALIBRATION
    assert Calibration.from_dict(json.loads(json.dumps(MADE.to_dict()))).to_dict() == CALIBRATION


@pytest.mark.parametrize(
    ("length", "expected"),
    [(50, 1.0), (100, 1.0), (1000, 1.5), (5000, 1.5), (math.sqrt(100 * 1000), 2 * 0.75 - 0.25)],
)
def test_windows_by_the_logarithm_of_their_length(length, expected):
    assert MADE.window_logits(2.0, length) == pytest.approx(expected)
    assert MADE.window_logits([2.0, 2.0], [length, 100]) == pytest.approx([expected, 1.0])


def test_a_record_s_evidence_grows_with_its_windows_as_gamma_says():
    assert MADE.record_logit([2.0], 150) == pytest.approx(2.0 + 0.1)
    assert MADE.record_logit([1.0, 3.0, 2.0, 2.0], 1500) == pytest.approx(0.8 * 2.0 * 2.0)
    assert MADE.record_logit([-2.0] * 9, 20_000) == pytest.approx(0.6 * 3 * -2.0)


def test_thresholds_by_level_and_length():
    assert [MADE.threshold(level, 1500) for level in ("conservative", "default", "relaxed")] == [2.0, 1.0, 0.0]
    assert MADE.threshold("default", 10) == 1.5
    assert MADE.threshold("conservative", round(math.sqrt(1500 * 10_000))) == pytest.approx(1.5, abs=1e-3)


def test_the_share_of_false_calls_is_bayes_and_falls_with_evidence():
    assert MADE.fdr(0.0, 150, 0.5) == pytest.approx(0.2 / (0.2 + 0.8))
    assert MADE.fdr(0.0, 150, 0.1) == pytest.approx(0.9 * 0.2 / (0.9 * 0.2 + 0.1 * 0.8))
    assert MADE.fdr(-9.0, 150, 0.3) == pytest.approx(0.7)
    assert MADE.fdr(4.0, 5000, 0.5) == 0
    middle = round(math.sqrt(150 * 1500))
    assert MADE.fdr(0.0, middle, 0.5) == pytest.approx(0.15 / (0.15 + 0.85), abs=1e-3)
    rates = [MADE.fdr(z, 700, 0.2) for z in np.linspace(-6, 6, 50)]
    assert rates == sorted(rates, reverse=True)


def test_the_share_of_false_calls_never_rises_even_where_few_were_measured():
    content = copy.deepcopy(CALIBRATION)
    content["operating"]["fpr"][0], content["operating"]["tpr"][0] = [1.0, 0.01, 0.01], [1.0, 0.9, 0.1]
    content["operating"]["fpr"][1], content["operating"]["tpr"][1] = [1.0, 0.1, 0.0], [1.0, 0.9, 0.0]
    made = Calibration.from_dict(content)
    assert made.fdr(4.0, 150, 0.5) == made.fdr(0.0, 150, 0.5) == pytest.approx(0.01 / 0.91)
    assert made.fdr(9.0, 1500, 0.5) == pytest.approx(0.1)


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


def windows(*log_odds, bases=500):
    frames = (ScoredFrame(0, np.float32(0.5), np.float32(0.5)),)
    return [ScoredWindow(1, n, 0, bases, Outcome.FRAMES, frames, odds) for n, odds in enumerate(log_odds, start=1)]


def called(rule, *log_odds):
    own = rule.calibrated(windows(*log_odds, bases=1500))
    return call_record(Record(1, "r", "A" * 1500), own, rule)


def test_a_call_is_the_threshold_s_and_the_score_the_prior_s():
    z = 0.8 * float(MADE.window_logits(2.5, 1500))
    level = {level: called(CallRule(MADE, level=level), 2.5) for level in ("conservative", "default", "relaxed")}
    assert 1.0 < z < 2.0
    assert [call.call for call in level.values()] == ["others", "virus", "virus"]
    assert [call.virus_score for call in level.values()] == pytest.approx([1 / (1 + math.exp(-z))] * 3)
    rare = called(CallRule(MADE, prior=0.01), 2.5)
    assert rare.virus_score == pytest.approx(1 / (1 + math.exp(-z - math.log(0.01 / 0.99))))
    assert rare.call == "virus"
    assert rare.fdr == pytest.approx(MADE.fdr(z, 1500, 0.01))
    assert rare.fdr > level["default"].fdr
    assert called(CallRule(MADE, prior=0.01, min_score=0.5), 2.5).call == "others"


def test_windows_have_the_prior_s_score_and_the_best_one_is_theirs():
    rule = CallRule(MADE, prior=0.2)
    own = rule.calibrated(windows(-1.0, 3.0))
    for window, odds in zip(own, (-1.0, 3.0), strict=True):
        z = float(MADE.window_logits(odds, 500)) + prior_logit(0.2)
        assert window.virus_score == pytest.approx(1 / (1 + math.exp(-z)))
    assert called(rule, -1.0, 3.0).best_window.number == 2


@pytest.mark.parametrize("chosen", [{"level": level} for level in LEVELS] + [{"min_score": 0.3, "prior": 0.2}])
def test_a_window_is_called_as_a_record_that_is_just_this_window(chosen):
    rule = CallRule(MADE, **chosen)
    calls = []
    for odds in np.linspace(-3, 9, 25):
        (window,) = rule.calibrated(windows(odds))
        calls.append(window.is_virus)
        assert window.is_virus is rule.verdict([window], 500).is_virus
    assert calls == sorted(calls)
    assert len(set(calls)) == 2


def test_without_a_calibration_nothing_changes():
    own = windows(None, None)
    assert CallRule().calibrated(own) == own
    call = call_record(Record(1, "r", "ACGT"), own)
    assert (call.virus_score, call.call, call.fdr) == (0.5, "virus", None)
    assert CallRule().describe() == {"min_score": 0.5}
    assert CallRule(MADE, prior=0.1).describe() == {"prior": 0.1, "level": "default"}
    assert CallRule(MADE, min_score=0.7).describe() == {"prior": 0.5, "min_score": 0.7}


def test_log_odds_of_a_window_are_the_mean_of_its_rows():
    part = PartScores(
        np.array([1, 1]), np.array([1, 2]), np.array([0, 5]), np.array([9, 14]), np.array([0, 3], np.uint8),
        np.array([0, 0]), np.array([0, 4], np.uint8), np.full((2, 2), 0.5, np.float32), np.array([900.0, -100.0]),
    )  # fmt: skip
    assert [window.log_odds for window in part] == [400.0, None]
    assert "log_odds" in part.columns()
    assert CallRule(MADE).calibrated(part)[0].virus_score == 1.0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"conservative": True, "relaxed": True}, "--conservative and --relaxed exclude each other"),
        ({"min_score": 0.5, "relaxed": True}, "--min-score and --relaxed exclude each other"),
        ({"prior": 0.0}, "give one between 0 and 1"),
    ],
)
def test_choices_that_exclude_each_other(options, told):
    with pytest.raises(ConfigError, match=told):
        choose_rule(CALIBRATION, **options)


@pytest.mark.parametrize(("options", "told"), [({"conservative": True}, "--conservative"), ({"prior": 0.5}, "--prior")])
def test_what_needs_a_calibration(options, told):
    with pytest.raises(ConfigError, match=f"{told}: this classifier is not calibrated"):
        choose_rule(None, **options)
    assert choose_rule(None, min_score=0.3) == CallRule(min_score=0.3)
    assert choose_rule(CALIBRATION, **options).calibration == MADE
