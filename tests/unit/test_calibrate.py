"""Calibration of a classifier of one's own: curves, thresholds, error rates, and what is refused."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from feature_parts import SPEC, make_genomes, write_part
from virnucpro import ConfigError, load_classifier
from virnucpro.evaluation.metrics import calibration_error
from virnucpro.features.rows import open_labelled_rows
from virnucpro.features.spec import FeatureSpec
from virnucpro.scoring.calibration import Calibration
from virnucpro.training.calibrate import CalibrationWindows, fit_calibration, platt
from virnucpro.training.split import split_by_record
from virnucpro.verbs.evaluate import EvaluateSettings, evaluate
from virnucpro.verbs.train import TrainSettings, plan_training, train

QUICK = TrainSettings(epochs=6, learning_rate=0.02, hidden_width=16, calibrate=True, calibration_share=0.3)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def windows(seed=0, records=400, per_record=1, length_bp=500, slope=2.0, shift=1.0):
    """Windows whose true log-odds are `slope` times what the classifier says, less `shift`; of one length, or several."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(records) % 2, per_record)
    truth = generator.normal((2 * labels - 1) * 2.0, 2.0)  # two normal classes: the log-odds of x are x
    lengths = np.resize(np.atleast_1d(length_bp), len(labels))
    return CalibrationWindows(labels, (truth + shift) / slope, np.repeat(np.arange(records), per_record), lengths)


def z_of(calibration, drawn):
    evidence = calibration.window_log_odds(drawn.log_odds, drawn.lengths_bp)
    return calibration.record.apply(evidence, drawn.lengths_bp)


@pytest.mark.parametrize("seed", range(3))
def test_a_platt_curve_is_the_logistic_regression_of_balanced_classes(seed):
    drawn = windows(seed, records=3000)
    slope, intercept = platt(drawn.log_odds, drawn.labels)
    oracle = LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-10, max_iter=1000)
    oracle.fit(drawn.log_odds[:, None], drawn.labels)
    assert (slope, intercept) == pytest.approx((oracle.coef_[0, 0], oracle.intercept_[0]), rel=0.03)  # smoothed targets
    assert (slope, intercept) == pytest.approx((2.0, -1.0), abs=0.2)
    twice = np.concatenate((drawn.labels, drawn.labels[drawn.labels == 0]))
    odds = np.concatenate((drawn.log_odds, drawn.log_odds[drawn.labels == 0]))
    assert platt(odds, twice) == pytest.approx((slope, intercept), rel=0.01)  # classes weigh the same


def test_classes_that_are_separable_have_a_finite_slope():
    labels = np.repeat([0, 1], 50)
    slope, intercept = platt(np.linspace(-1, 1, 100), labels)
    assert 1 < slope < 1000
    assert abs(intercept) < 1e-3


def test_one_window_length_has_one_knot_and_scores_that_mean_what_they_say():
    calibration, warnings = fit_calibration(windows(records=4000))
    assert calibration.window.lengths == calibration.record.lengths == (500.0,)
    assert (calibration.gamma, warnings) == (0.0, [])
    fresh = windows(1, records=4000)
    probabilities = 1 / (1 + np.exp(-z_of(calibration, fresh)))
    assert calibration_error(fresh.labels, probabilities) < 0.03
    assert Calibration.from_dict(calibration.to_dict()) == calibration


def test_levels_call_the_share_of_non_viral_sequences_that_they_promise():
    drawn = windows(records=4000)
    calibration, _ = fit_calibration(drawn)
    non_viral = z_of(calibration, drawn)[drawn.labels == 0]
    shares = {level: (non_viral >= calibration.threshold(level, 500)).mean() for level in calibration.thresholds}
    assert shares == pytest.approx({"conservative": 0.005, "default": 0.025, "relaxed": 0.1}, abs=0.001)
    assert shares["conservative"] <= 0.005
    fpr, tpr = calibration.operating.fpr[0], calibration.operating.tpr[0]
    assert fpr[16] == pytest.approx((non_viral >= 0).mean(), abs=0.001)  # z = 0
    assert list(fpr) == sorted(fpr, reverse=True)
    assert min(fpr) > 0
    assert tpr[16] == pytest.approx((z_of(calibration, drawn)[drawn.labels == 1] >= 0).mean(), abs=1e-5)
    of_high, of_middling = calibration.fdr(np.array([2.0, 0.0]), np.array([500, 500]), 0.5)
    assert 0 < of_high < of_middling < 0.5


def test_lengths_have_curves_of_their_own_where_there_are_enough():
    short, long = windows(records=1000, length_bp=200, slope=1.0), windows(1, records=1000, length_bp=800, slope=4.0)
    few = windows(2, records=20, length_bp=3000)
    both = CalibrationWindows(
        np.concatenate((short.labels, long.labels, few.labels)),
        np.concatenate((short.log_odds, long.log_odds, few.log_odds)),
        np.concatenate((short.records, 1000 + long.records, 2000 + few.records)),
        np.concatenate((short.lengths_bp, long.lengths_bp, few.lengths_bp)),
    )
    calibration, warnings = fit_calibration(both)
    assert calibration.window.lengths == calibration.record.lengths == (200.0, 800.0)
    assert calibration.window.slope == pytest.approx((1.0, 4.0), rel=0.2)
    assert warnings == []


@pytest.mark.parametrize(("shared", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_windows_of_a_record_add_up_as_far_as_they_are_independent(shared, expected):
    """Independent windows add up (gamma 1); windows that all say the same say it once (gamma 0)."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(600) % 2, 8)
    own, common = generator.normal(0, 2, 4800), np.repeat(generator.normal(0, 2, 600), 8)
    odds = (2 * labels - 1) * 2.0 + np.where(shared, common, own)
    records = np.repeat(np.arange(600), 8)
    calibration, _ = fit_calibration(CalibrationWindows(labels, odds, records, np.full(4800, 500)))
    assert calibration.gamma == pytest.approx(expected, abs=0.15)
    assert calibration.record.lengths == (500.0, 1000.0, 2000.0, 4000.0)


def test_no_record_decides_alone():
    """A genome of 3,000 windows among 400 records of one: it counts as 1,000."""
    drawn, giant = windows(records=400), windows(3, records=2, per_record=3000)
    together = CalibrationWindows(
        np.concatenate((drawn.labels, np.zeros(3000, np.int64))),
        np.concatenate((drawn.log_odds, np.full(3000, 9.0))),
        np.concatenate((drawn.records, np.full(3000, 400))),
        np.concatenate((drawn.lengths_bp, giant.lengths_bp[:3000])),
    )
    calibration, _ = fit_calibration(together)
    n = 200 + 1000
    assert calibration.operating.fpr[0][0] == 1
    assert calibration.operating.tpr[0][0] == pytest.approx(1, abs=0.02)
    giant_z = float(z_of(calibration, replace(together, log_odds=np.full(len(together.labels), 9.0)))[0])
    grid = np.array(calibration.operating.z)
    at = calibration.operating.fpr[0][int(np.flatnonzero(grid <= giant_z)[-1])]
    assert at == pytest.approx((1000 + 1) / (n + 1), abs=0.01)


def test_a_level_that_cannot_be_shown_is_left_at_the_highest_score_with_a_warning():
    drawn = windows(records=200)  # 100 non-viral: enough for 2.5 %, not for 0.5 %
    calibration, warnings = fit_calibration(drawn)
    (warning,) = warnings
    assert (
        "conservative: 100 non-viral sequences of about 500 bp cannot show 0.5% false positives (200 needed)" in warning
    )
    non_viral = z_of(calibration, drawn)[drawn.labels == 0]
    assert non_viral.max() < calibration.threshold("conservative", 500) < non_viral.max() + 2e-4
    assert calibration.threshold("default", 500) < calibration.threshold("conservative", 500)


def test_too_few_sequences_are_refused_with_their_numbers():
    with pytest.raises(ConfigError, match="9 viral and 9 non-viral windows, and at least 10 of each"):
        fit_calibration(windows(records=18))


def test_scores_that_say_nothing_are_warned_of():
    drawn = windows(records=1000)
    for useless in (-drawn.log_odds, np.zeros(1000)):
        calibration, warnings = fit_calibration(replace(drawn, log_odds=useless))
        assert "do not tell viral from non-viral" in warnings[0]
        assert min(calibration.window.slope) > 0


def test_the_calibration_part_shares_no_record_and_leaves_the_test_part_as_it_is(tmp_path):
    records = np.repeat(np.arange(60), 5)
    labels = (records >= 30).astype(np.int64)
    for seed in range(9):
        plain, split = (split_by_record(labels, records, 0.1, seed, share) for share in (0.0, 0.2))
        assert (plain.test == split.test).all()
        sides = [set(records[rows]) for rows in split.parts().values()]
        assert [len(side) for side in sides] == [42, 6, 12]
        assert len(set.union(*sides)) == 60
    with pytest.raises(ConfigError, match="2 non-viral records cannot be split by record; at least 3"):
        split_by_record(np.array([0, 0, 1, 1, 1]), np.arange(5), 0.1, 0, 0.1)


@pytest.fixture
def folders(tmp_path):
    return [make_genomes(tmp_path / name, name, records=40, shift=0.4) for name in ("viral", "host")]


def test_train_writes_a_calibration_that_evaluate_uses(tmp_path, folders, caplog):
    output = tmp_path / "m.safetensors"
    with caplog.at_level(logging.WARNING):
        result = train(*folders, output, QUICK, "cpu")
    classifier = load_classifier(output)
    calibration = Calibration.from_dict(classifier.calibration)
    assert calibration.window.lengths == (500.0,)
    assert (result.rows["calibration_viral"], classifier.training["calibration_share"]) == (288, 0.3)
    assert any("conservative: 96 non-viral" in warning for warning in result.warnings)
    assert "conservative: 96 non-viral" in caplog.text
    again = tmp_path / "again.safetensors"
    train(*folders, again, QUICK, "cpu")
    assert output.read_bytes() == again.read_bytes()
    plain = train(*folders, tmp_path / "plain.safetensors", replace(QUICK, calibrate=False), "cpu")
    assert plain.rows["test_viral"] == result.rows["test_viral"]
    measured = evaluate(output, *folders, tmp_path / "e", EvaluateSettings(draws=5, test_part=True)).models[0]
    assert measured.overall()[0].rows == result.rows["test_viral"] + result.rows["test_non_viral"]
    assert set(measured.overall()[2].calls) == {"conservative", "default", "relaxed"}


def test_calibrations_that_are_refused_before_training(tmp_path, folders):
    with pytest.raises(ConfigError, match="8 viral and 8 non-viral windows"):
        plan_training(*folders, tmp_path / "m.safetensors", replace(QUICK, calibration_share=0.02))
    unknown = FeatureSpec(None, SPEC.dna, SPEC.protein)
    parts = [make_genomes(tmp_path / f"u{name}", name, spec=unknown) for name in ("viral", "host")]
    with pytest.raises(ConfigError, match="calibration needs the window length"):
        plan_training(*parts, tmp_path / "m.safetensors", QUICK)
    assert plan_training(*parts, tmp_path / "m.safetensors", replace(QUICK, window_bp=300))


def test_window_lengths_are_read_from_the_files_that_say_them(tmp_path):
    spec = FeatureSpec(500, SPEC.dna, SPEC.protein, windows_bp=(100, 1000))
    lengths = np.array([100, 150, 333, 500, 1000], np.int32)
    for name in ("viral", "host"):
        vectors = np.random.default_rng(0).normal(size=(5, spec.width))
        ids = [f"{name}_chunk_{i}F1" for i in range(1, 6)]
        write_part(tmp_path / name / "x_merged.pt", ids, vectors, name == "viral", spec, window_bp=lengths)
    assert open_labelled_rows(tmp_path / "viral", tmp_path / "host").window_bp.tolist() == lengths.tolist() * 2
    plain = [make_genomes(tmp_path / f"p{name}", name) for name in ("viral", "host")]
    assert set(open_labelled_rows(*plain).window_bp.tolist()) == {500}
