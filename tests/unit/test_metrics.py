"""Figures of an evaluation, checked against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from tolerances import METRIC
from virnucpro import ConfigError
from virnucpro.evaluation.bootstrap import bootstrap_intervals
from virnucpro.evaluation.evaluate import ScoredRows, evaluate_rows
from virnucpro.evaluation.metrics import METRICS, Ranking, calibration_error, measure, reliability


def case(seed, ties=False, rows=400):
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.3).astype(np.int64)
    scores = np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    if ties:
        scores = np.round(scores, 1)
    return labels, scores.astype(np.float32), generator.integers(0, 4, rows).astype(np.float64)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_metric_is_scikit_learn_s(seed, ties, weighted):
    labels, scores, weights = case(seed, ties)
    weights = weights if weighted else None
    calls = scores >= 0.5
    expected = {
        "accuracy": oracle.accuracy_score(labels, calls, sample_weight=weights),
        "precision": oracle.precision_score(labels, calls, sample_weight=weights),
        "recall": oracle.recall_score(labels, calls, sample_weight=weights),
        "f1": oracle.f1_score(labels, calls, sample_weight=weights),
        "auroc": oracle.roc_auc_score(labels, scores, sample_weight=weights),
        "auprc": oracle.average_precision_score(labels, scores, sample_weight=weights),
        "mcc": oracle.matthews_corrcoef(labels, calls, sample_weight=weights),
    }
    found = Ranking(labels, scores).figures(weights)
    assert tuple(found) == METRICS
    assert found == pytest.approx(expected, abs=METRIC)
    confusion = Ranking(labels, scores).confusion(weights)
    table = oracle.confusion_matrix(labels, calls, sample_weight=weights)
    assert [
        [confusion.true_host, confusion.false_viral],
        [confusion.false_host, confusion.true_viral],
    ] == table.tolist()


@pytest.mark.parametrize("ties", [False, True])
def test_curves_are_scikit_learn_s(ties):
    labels, scores, _ = case(7, ties)
    false_alarms, found, _ = oracle.roc_curve(labels, scores, drop_intermediate=False)
    curve = Ranking(labels, scores).roc()
    assert curve.x == pytest.approx(false_alarms, abs=METRIC)
    assert curve.y == pytest.approx(found, abs=METRIC)
    precision, recall, _ = oracle.precision_recall_curve(labels, scores)
    curve = Ranking(labels, scores).precision_recall()
    assert curve.x[1:] == pytest.approx(recall[-2::-1], abs=METRIC)
    assert curve.y[1:] == pytest.approx(precision[-2::-1], abs=METRIC)


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


def test_a_bootstrap_repeats_for_a_seed():
    labels, scores, _ = case(1)
    records = np.arange(400) // 10
    assert bootstrap_intervals(labels, scores, records, 20, 1) == bootstrap_intervals(labels, scores, records, 20, 1)
    assert bootstrap_intervals(labels, scores, records, 20, 1) != bootstrap_intervals(labels, scores, records, 20, 2)


def rows_of(labels, scores, records, windows):
    return ScoredRows(
        np.array(labels), np.array(scores, np.float32), np.array(records, np.int64), np.array(windows, np.int64)
    )


def test_a_window_is_called_as_virnucpro_calls_it():
    """A virus where max(score2) >= max(score1) over its frames, however many of the frames are called host."""
    generator = np.random.default_rng(5)
    windows = generator.integers(0, 300, 900)
    scores = generator.random(900).astype(np.float32)
    found = rows_of(windows % 2, scores, windows // 10, windows).by_window()
    for window, score in zip(found.windows, found.scores, strict=True):
        of_window = scores[windows == window]
        assert (score >= 0.5) == (of_window.max() >= (1 - of_window).max())
        if len(of_window) == 1:
            assert score == pytest.approx(of_window[0], abs=METRIC)
    assert sorted(found.windows) == sorted(set(windows))
    assert (found.labels == found.windows % 2).all()
    assert (found.records == found.windows // 10).all()


def test_an_evaluation_needs_both_classes():
    with pytest.raises(ConfigError, match="viral and host"):
        evaluate_rows(rows_of([1, 1], [0.1, 0.2], [0, 1], [0, 1]), "frames", draws=2)
    with pytest.raises(ConfigError, match="as many labels as scores"):
        rows_of([1, 1], [0.1], [0, 1], [0, 1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.3, 1.0])
def test_recall_at_a_rate_is_the_highest_point_of_scikit_learn_s_curve_that_keeps_to_it(seed, ties, weighted, rate):
    labels, scores, weights = case(seed, ties)
    weights = weights if weighted else None
    false_alarms, found, _ = oracle.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    expected = found[false_alarms <= rate + METRIC].max()
    assert Ranking(labels, scores).recall_at(rate, weights) == pytest.approx(expected, abs=METRIC)


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
