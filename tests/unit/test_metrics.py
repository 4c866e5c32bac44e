"""Figures of an evaluation, checked against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from mini_layout import CALIBRATION
from tolerances import METRIC
from virnucpro import ConfigError
from virnucpro.evaluation import bootstrap
from virnucpro.evaluation.bootstrap import Ranking
from virnucpro.evaluation.evaluate import evaluate_by_length, evaluate_units
from virnucpro.evaluation.levels import ScoredRows, ScoredUnits, units_of
from virnucpro.evaluation.metrics import (
    METRICS,
    calibration_error,
    confusion_of,
    measure,
    precision_recall_of,
    reliability,
    roc_of,
)
from virnucpro.scoring.calibration import Calibration


def case(seed, ties=False, rows=400):
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.3).astype(np.int64)
    scores = np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    if ties:
        scores = np.round(scores, 1)
    return labels, scores.astype(np.float32), generator.integers(0, 4, rows).astype(np.float64)


def bootstrap_intervals(labels, scores, records, draws=1000, seed=42):
    return bootstrap.bootstrap_intervals(Ranking(labels, scores), records, draws, seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_weighted_metrics_of_the_bootstrap_are_scikit_learn_s(seed, ties, weighted):
    labels, scores, weights = case(seed, ties)
    weights = weights if weighted else None
    calls = scores >= 0.5
    fpr, tpr, _ = oracle.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    expected = {
        "accuracy": oracle.accuracy_score(labels, calls, sample_weight=weights),
        "precision": oracle.precision_score(labels, calls, sample_weight=weights),
        "recall": oracle.recall_score(labels, calls, sample_weight=weights),
        "f1": oracle.f1_score(labels, calls, sample_weight=weights),
        "auroc": oracle.roc_auc_score(labels, scores, sample_weight=weights),
        "auprc": oracle.average_precision_score(labels, scores, sample_weight=weights),
        "mcc": oracle.matthews_corrcoef(labels, calls, sample_weight=weights),
        "tpr_at_1_percent_fpr": tpr[fpr <= 0.01 + METRIC].max(),
        "tpr_at_5_percent_fpr": tpr[fpr <= 0.05 + METRIC].max(),
        "log_loss": oracle.log_loss(labels, scores.astype(np.float64), sample_weight=weights),
    }
    found = Ranking(labels, scores).figures(weights)
    assert tuple(found) == METRICS
    assert found == pytest.approx(expected, abs=METRIC)
    if not weighted:
        assert found == pytest.approx(measure(labels, scores), abs=1e-12)


def test_the_bootstrap_gives_what_it_always_gave():
    """Numbers of version 0.1.0, before scikit-learn took over the point metrics."""
    labels, scores, _ = case(1)
    found = bootstrap_intervals(labels, scores, np.arange(400) // 10, 50, 3)
    assert found["auroc"] == pytest.approx((0.744297295506543, 0.8298937943967102), abs=1e-12)
    assert found["mcc"] == pytest.approx((0.32273496159552084, 0.47622869883151153), abs=1e-12)


def test_own_calls_replace_those_at_one_half():
    labels, scores, _ = case(2)
    called = scores >= 0.3
    found, own = measure(labels, scores, called), Ranking(labels, scores, called).figures()
    assert own == pytest.approx(found, abs=1e-12)
    assert found["recall"] == pytest.approx(oracle.recall_score(labels, called))
    confusion = confusion_of(labels, called)
    table = [[confusion.true_non_viral, confusion.false_viral], [confusion.false_non_viral, confusion.true_viral]]
    assert table == oracle.confusion_matrix(labels, called).tolist()


@pytest.mark.parametrize("ties", [False, True])
def test_curves_go_from_the_highest_score_down(ties):
    labels, scores, _ = case(7, ties)
    scores[np.flatnonzero(labels == 0)[0]] = scores[labels == 1].max() if ties else scores.max()
    roc, curve = roc_of(labels, scores), precision_recall_of(labels, scores)
    highest = labels[scores == scores.max()]
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert 0 < highest.mean() < 1
    assert curve.x[0] == 0
    assert curve.y[0] == curve.y[1] == pytest.approx(highest.mean())
    assert (curve.x[-1], curve.y[-1]) == (1, pytest.approx(labels.mean()))


def test_reliability_is_scikit_learn_s():
    labels, scores, _ = case(3, rows=2000)
    shares, means = calibration_curve(labels, scores, n_bins=10)
    bins = reliability(labels, scores)
    assert sum(stretch.rows for stretch in bins) == 2000
    filled = [stretch for stretch in bins if stretch.rows]
    assert [stretch.viral_share for stretch in filled] == pytest.approx(list(shares), abs=METRIC)
    assert [stretch.mean_score for stretch in filled] == pytest.approx(list(means), abs=METRIC)


def test_empty_bins_and_the_upper_end():
    bins = reliability(np.array([0, 1, 1]), np.array([0.05, 0.95, 1.0], np.float32))
    assert [stretch.rows for stretch in bins] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins[1].mean_score is None
    assert bins[9].viral_share == 1.0


@pytest.mark.parametrize("score", [0.1, 0.9])
def test_calls_of_one_kind_only_are_no_error(score):
    found = measure(np.array([0, 1, 1]), np.full(3, score))
    assert found["auroc"] == 0.5
    assert found["mcc"] == 0.0
    assert found["precision"] == pytest.approx(2 / 3 if score > 0.5 else 0.0)


def test_one_half_is_a_virus():
    assert measure(np.array([0, 1]), np.array([0.4, 0.5]))["accuracy"] == 1.0


def test_intervals_are_of_records_not_rows():
    """Fifty rows that agree say no more than one: drawing rows would give an interval that is far too narrow."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 10)
    scores = np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    records = np.arange(20)
    few = bootstrap_intervals(labels, scores, records, draws=300)
    many = bootstrap_intervals(*(np.repeat(column, 50) for column in (labels, scores, records)), draws=300)
    for name in METRICS:
        assert many[name] == pytest.approx(few[name], abs=METRIC)
    by_row = bootstrap_intervals(np.repeat(labels, 50), np.repeat(scores, 50), np.arange(1000), draws=300)
    assert few["auroc"][1] - few["auroc"][0] > 3 * (by_row["auroc"][1] - by_row["auroc"][0])
    assert few["auroc"][0] < measure(labels, scores)["auroc"] < few["auroc"][1] <= 1


@pytest.mark.parametrize("records", [1, 8])
def test_draws_that_all_agree_are_no_interval(records):
    """One record a class, or a classifier without error, would look like certainty."""
    numbers = np.arange(2 * records)
    found = bootstrap_intervals(numbers % 2, 0.3 + 0.4 * (numbers % 2), numbers, draws=50)
    assert np.isnan([found[name] for name in METRICS]).all()


def test_a_bootstrap_repeats_for_a_seed():
    labels, scores, _ = case(1)
    records = np.arange(400) // 10
    assert bootstrap_intervals(labels, scores, records, 20, 1) == bootstrap_intervals(labels, scores, records, 20, 1)
    assert bootstrap_intervals(labels, scores, records, 20, 1) != bootstrap_intervals(labels, scores, records, 20, 2)


def rows_of(labels, scores, records, windows, **more):
    return ScoredRows(
        np.array(labels), np.array(scores, np.float32), np.array(records, np.int64), np.array(windows, np.int64), **more
    )


def test_windows_and_records_are_scored_as_the_original_calls_windows():
    """Viral where max(score2) >= max(score1) over the ORFs, however many of them are called non-viral."""
    generator = np.random.default_rng(5)
    windows = generator.integers(0, 300, 900)
    scores = generator.random(900).astype(np.float32)
    labels = (windows // 10) % 2
    orfs, found, records = units_of(rows_of(labels, scores, windows // 10, windows), None)
    assert (orfs.scores == scores).all()
    for number, window in enumerate(sorted(set(windows), key=lambda w: ((w // 10) % 2, w))):
        of_window = scores[windows == window]
        assert (found.scores[number] >= 0.5) == (of_window.max() >= (1 - of_window).max())
        assert (found.labels[number], found.records[number]) == ((window // 10) % 2, window // 10)
        if len(of_window) == 1:
            assert found.scores[number] == pytest.approx(of_window[0], abs=METRIC)
    assert len(found) == len(set(windows))
    assert len(records) == 30
    for record, score in zip(records.records, records.scores, strict=True):
        assert score == pytest.approx(found.scores[found.records == record].mean(), abs=METRIC)


def test_a_calibrated_classifier_is_measured_as_predict_scores():
    calibration = Calibration.from_dict(CALIBRATION)
    rows = rows_of(
        [1, 1, 1, 0], [0.9, 0.8, 0.7, 0.1], [0, 0, 0, 1], [0, 0, 1, 2],
        lengths_bp=np.array([500, 500, 300, 1500]), log_odds=np.array([3.0, 1.0, 4.0, -2.0]),
    )  # fmt: skip
    _, windows, records = units_of(rows, calibration)
    log_odds = [float(calibration.window_log_odds(x, n)) for x, n in ((-2.0, 1500), (2.0, 500), (4.0, 300))]
    means, counts = np.array([log_odds[0], np.mean(log_odds[1:])]), np.array([1, 2])
    z = calibration.record_log_odds(means, counts, np.array([1500, 800]))
    assert windows.scores == pytest.approx(1 / (1 + np.exp(-np.array(log_odds))))
    assert records.scores == pytest.approx(1 / (1 + np.exp(-z)))
    assert records.lengths_bp.tolist() == [1500, 800]
    for level, called in records.calls.items():
        assert called.tolist() == [
            z[0] >= calibration.threshold(level, 1500),
            z[1] >= calibration.threshold(level, 800),
        ]
    with pytest.raises(ConfigError, match="needs the length of windows"):
        units_of(rows_of([1, 0], [0.1, 0.2], [0, 1], [0, 1]), calibration)


def test_figures_by_length_and_counts_where_records_are_few():
    generator = np.random.default_rng(0)
    labels = np.tile([0, 1], 60)
    lengths = np.repeat([150, 500, 40_000], [50, 62, 8])
    scores = np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    units = ScoredUnits("record", labels, scores, np.arange(120), lengths, {"default": scores >= 0.5})
    found = evaluate_by_length(units, 20, 1)
    assert [(bin_.length_bp, bin_.rows, bin_.viral_rows) for bin_ in found] == [
        ("1-299", 50, 25), ("500-999", 62, 31), ("30000+", 8, 4)
    ]  # fmt: skip
    error = calibration_error(labels[50:112], scores[50:112])
    assert found[1].figures == measure(labels[50:112], scores[50:112]) | {"calibration_error": error}
    assert tuple(found[1].intervals) == METRICS
    assert (found[2].figures, found[2].intervals) == ({}, {})
    assert sum(vars_of(found[2].calls["default"])) == 8


def vars_of(confusion):
    return [getattr(confusion, name) for name in confusion.__slots__]


def test_an_evaluation_needs_both_classes():
    one_class = units_of(rows_of([1, 1], [0.1, 0.2], [0, 1], [0, 1]), None)[0]
    with pytest.raises(ConfigError, match="viral and non-viral"):
        evaluate_units(one_class, 2, 1)
    with pytest.raises(ConfigError, match="as many labels as scores"):
        rows_of([1, 1], [0.1], [0, 1], [0, 1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "rate"), [("tpr_at_5_percent_fpr", 0.05), ("tpr_at_1_percent_fpr", 0.01)])
def test_recall_at_a_rate_is_the_highest_point_of_scikit_learn_s_curve_that_keeps_to_it(
    seed, ties, weighted, name, rate
):
    labels, scores, weights = case(seed, ties)
    weights = weights if weighted else None
    false_alarms, found, _ = oracle.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    expected = found[false_alarms <= rate + METRIC].max()
    assert Ranking(labels, scores).figures(weights)[name] == pytest.approx(expected, abs=METRIC)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_calibration_error_is_what_the_bins_say(weighted):
    labels, scores, weights = case(3)
    if weighted:  # rows that count twice are rows that are there twice
        times = weights.astype(np.int64)
        bins = reliability(np.repeat(labels, times), np.repeat(scores, times))
    else:
        weights, bins = None, reliability(labels, scores)
    expected = sum(one.rows * abs(one.mean_score - one.viral_share) for one in bins if one.rows)
    expected /= sum(one.rows for one in bins)
    assert calibration_error(labels, scores, weights) == pytest.approx(expected, abs=METRIC)
