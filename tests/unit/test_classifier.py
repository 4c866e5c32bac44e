"""The classifier, its one file, and the features that it refuses."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from feature_parts import DNA, PROTEIN, SPEC
from tolerances import SCORE_FP32
from virnucpro import ConfigError, DimensionError, WeightsError, load_classifier
from virnucpro.features.classifier import Classifier, serialise_classifier
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.classifier import MLP
from virnucpro.records import ModelIdentity


def trained(spec=SPEC, seed=0):
    torch.manual_seed(seed)
    model = MLP(spec.width, 32)
    for _ in range(5):  # so that the batch norm has statistics of its own
        model(torch.randn(64, spec.width) * 3 + 1)
    return Classifier(model.eval(), spec, {"split": "record"})


@pytest.fixture
def classifier():
    return trained()


@pytest.fixture
def path(tmp_path, classifier):
    (tmp_path / "m.safetensors").write_bytes(serialise_classifier(classifier))
    return tmp_path / "m.safetensors"


def features(rows, width=16, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32) * 3


def test_it_is_virnucpro_s_perceptron():
    shapes = {name: tuple(tensor.shape) for name, tensor in MLP(3328).state_dict().items()}
    assert shapes == {
        "hidden_layer.weight": (512, 3328),
        "hidden_layer.bias": (512,),
        "bn1.weight": (512,),
        "bn1.bias": (512,),
        "bn1.running_mean": (512,),
        "bn1.running_var": (512,),
        "bn1.num_batches_tracked": (),
        "output_layer.weight": (2, 512),
        "output_layer.bias": (2,),
    }
    bound = (6 / (3328 + 512)) ** 0.5  # Xavier's
    largest = MLP(3328).hidden_layer.weight.abs().max().item()
    assert 0.99 * bound < largest <= bound
    assert MLP(8).dropout.p == 0.5


def test_scores_are_a_softmax(classifier):
    rows = features(50)
    scores = classifier.score(rows)
    assert (scores.shape, scores.dtype) == ((50, 2), np.float32)
    assert scores.sum(axis=1) == pytest.approx(np.ones(50), abs=SCORE_FP32)
    with torch.no_grad():
        expected = torch.softmax(classifier.model(torch.from_numpy(rows)), 1).numpy()
    assert np.abs(scores - expected).max() <= SCORE_FP32
    assert classifier.score(rows[:0]).shape == (0, 2)


def test_a_row_s_scores_are_the_same_in_any_company():
    """To the bit; in float32 they are not: products of other shapes add up in another order."""
    spec = FeatureSpec(500, EncoderUse(768), EncoderUse(2560))
    classifier = trained(spec)
    rows = features(1100, spec.width)
    whole = classifier.score(rows)
    threads = torch.get_num_threads()
    try:
        for rows_per_call, count in ((1, threads), (3, 1), (32, threads), (257, 1)):
            torch.set_num_threads(count)
            parts = [classifier.score(rows[start : start + rows_per_call]) for start in range(0, 400, rows_per_call)]
            assert np.array_equal(np.concatenate(parts)[:400], whole[:400])
    finally:
        torch.set_num_threads(threads)


def test_one_file_brings_everything_back(path, classifier):
    again = load_classifier(str(path))
    assert (again.spec, again.training) == (classifier.spec, {"split": "record"})
    assert np.array_equal(again.score(features(9)), classifier.score(features(9)))
    assert serialise_classifier(again) == path.read_bytes()
    assert len(again.sha256) == 64
    with safe_open(path, framework="pt") as opened:
        header = json.loads(opened.metadata()["virnucpro_classifier"])
    assert (header["format"], header["window_bp"], header["modality"]) == (2, 500, "both")
    assert header["widths"] == {"input": 16, "hidden": 32}
    assert header["classes"] == ["non-viral", "viral"]
    assert header["encoders"]["protein"]["identity"]["weights_sha256"] == "e" * 64


def damaged(path, change):
    with safe_open(path, framework="pt") as opened:
        header = json.loads(opened.metadata()["virnucpro_classifier"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    change(header, tensors)
    save_file(tensors, path, {"virnucpro_classifier": json.dumps(header)} if header else None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda h, t: t.pop("bn1.running_mean"), "bn1.running_mean is missing"),
        (lambda h, t: t.update(more=torch.zeros(1)), "'more' is not known"),
        (lambda h, t: t.update({"bn1.bias": torch.zeros(31)}), r"bn1\.bias is torch.float32 \(31,\) instead of"),
        (lambda h, t: t.update({"bn1.bias": torch.zeros(32).double()}), r"bn1\.bias is torch.float64"),
        (lambda h, t: t["bn1.bias"].fill_(float("nan")), "bn1.bias holds numbers that are not finite"),
        (lambda h, t: h.update(format=1), "format 1"),
        (lambda h, t: h.update(classes=["viral", "host"]), "classes"),
        (lambda h, t: h.update(window_bp=300), "contradicts itself"),
        (lambda h, t: h.pop("encoders"), "no 'encoders'"),
        (lambda h, t: h["encoders"].update(dna=None, protein=None), "need an encoder"),
        (lambda h, t: h.clear(), "is no classifier of VirNucPro"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(path, change, told):
    damaged(path, change)
    with pytest.raises(WeightsError, match=told):
        load_classifier(path)


def test_files_that_are_none(tmp_path, path, unreadable):
    for absent in ("absent.safetensors", "x" * 300):
        with pytest.raises(ConfigError, match="no such file; a classifier is mini, or a file from 'virnucpro train'"):
            load_classifier(tmp_path / absent)
    with pytest.raises(WeightsError, match="cannot be read: Is a directory"):
        load_classifier(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(WeightsError, match="is it complete"):
        load_classifier(path)
    unreadable(path)
    with pytest.raises(WeightsError, match=r"cannot be read: Permission denied$"):
        load_classifier(path)


@pytest.mark.parametrize(
    ("found", "error", "told"),
    [
        (replace(SPEC, window_bp=300), ConfigError, "window: 500 bp needed, 300 bp found"),
        (replace(SPEC, dna=replace(DNA, width=7)), DimensionError, "dna features are 7 wide .* and 6 are needed"),
        (replace(SPEC, protein=EncoderUse(20)), DimensionError, "protein features are 20 wide .* 10 are needed"),
        (replace(SPEC, protein=None), ConfigError, "modality 'both' was asked for, .* 'dna' only"),
        (
            replace(SPEC, dna=EncoderUse(6, ModelIdentity("stock-bert", None, "f" * 64))),
            ConfigError,
            "dna encoder: dna-model .weights dddddddddddd. needed, stock-bert .weights ffffffffffff. found",
        ),
        (
            replace(
                SPEC,
                protein=replace(PROTEIN, identity=replace(PROTEIN.identity, architecture={"token_dropout": False})),
            ),
            ConfigError,
            "protein encoder's token_dropout: True needed, False found",
        ),
        (
            replace(SPEC, protein=EncoderUse(10, ModelIdentity("other", None, ""))),
            ConfigError,
            "protein encoder: protein-model needed, other found",
        ),
    ],
)
def test_features_of_another_kind_are_refused_before_any_work(classifier, monkeypatch, found, error, told):
    monkeypatch.setattr(MLP, "forward", None)
    with pytest.raises(error, match=told):
        classifier.require(found)


def test_what_cannot_be_compared_is_told(classifier):
    assert classifier.require(SPEC) == []
    moved = replace(PROTEIN.identity, name="elsewhere/protein", revision=None)
    assert classifier.require(replace(SPEC, protein=replace(PROTEIN, identity=moved))) == []
    unknown = FeatureSpec(None, EncoderUse(6), EncoderUse(10, ModelIdentity("/some/folder", None, "")))
    assert classifier.require(unknown) == ["dna encoder", "weights of the protein encoder", "window length"]


@pytest.mark.parametrize(("modality", "columns"), [("dna", slice(0, 6)), ("protein", slice(6, 16))])
def test_a_classifier_of_one_modality_takes_its_own_columns(modality, columns):
    classifier = trained(SPEC.restricted(modality))
    assert classifier.require(SPEC) == classifier.require(SPEC.restricted(modality)) == []
    assert SPEC.columns(modality) == columns
    rows = features(20)
    alone = np.ascontiguousarray(rows[:, columns])
    assert np.array_equal(classifier.score(rows[:, SPEC.columns(modality)]), classifier.score(alone))


def test_rows_of_another_width(classifier):
    with pytest.raises(DimensionError, match=r"takes rows of 16 numbers, not an array of shape \(3, 17\)"):
        classifier.score(features(3, 17))
    with pytest.raises(DimensionError, match="takes rows of 9 numbers, and its spec describes 16"):
        Classifier(MLP(9, 4), SPEC)


LONGEST = replace(SPEC, rows="longest", windows_bp=(100, 1000))
CALIBRATION = {"gamma": 0.5, "window": {"lengths": [100, 1000]}}


@pytest.fixture
def longest(tmp_path):
    classifier = replace(trained(LONGEST), calibration=CALIBRATION)
    path = tmp_path / "longest.safetensors"
    path.write_bytes(serialise_classifier(classifier))
    return path


def test_rule_windows_and_calibration_are_in_the_one_file(longest):
    again = load_classifier(longest)
    assert (again.spec, again.calibration) == (LONGEST, CALIBRATION)
    assert serialise_classifier(again) == longest.read_bytes()
    with safe_open(longest, framework="pt") as opened:
        header = json.loads(opened.metadata()["virnucpro_classifier"])
    assert (header["rows"], header["windows_bp"], header["calibration"]) == ("longest", [100, 1000], CALIBRATION)


def test_a_file_without_them_says_nothing_of_them(path):
    with safe_open(path, framework="pt") as opened:
        header = json.loads(opened.metadata()["virnucpro_classifier"])
    assert not {"rows", "windows_bp", "calibration"} & {*header, *header["encoders"]}
    assert load_classifier(path).calibration is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda h, t: h["encoders"].update(rows="closed"), "rule 'closed'; known are open, longest, window"),
        (lambda h, t: h["encoders"].pop("rows"), "contradicts itself"),
        (lambda h, t: h.update(windows_bp=[1, 2000]), "contradicts itself"),
        (lambda h, t: h["encoders"].update(windows_bp=[600, 900]), "windows of 500 bp, but of 600 to 900 bp"),
        (lambda h, t: h["encoders"].update(windows_bp=[100]), "cannot be read as a classifier"),
    ],
)
def test_a_rule_that_is_not_known_or_contradicts_itself_is_refused(longest, change, told):
    damaged(longest, change)
    with pytest.raises(WeightsError, match=told):
        load_classifier(longest)


@pytest.mark.parametrize("window_bp", [100, 240, 1000])
def test_any_window_of_the_range_fits(longest, window_bp):
    assert load_classifier(longest).require(replace(LONGEST, window_bp=window_bp, windows_bp=None)) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (replace(LONGEST, window_bp=99, windows_bp=None), "window: 100 to 1000 bp needed, 99 bp found"),
        (replace(LONGEST, window_bp=1001, windows_bp=None), "window: 100 to 1000 bp needed, 1001 bp found"),
        (SPEC, "rows by the rule longest needed, open found"),
    ],
)
def test_windows_beyond_the_range_and_other_rules_are_refused(longest, found, told):
    with pytest.raises(ConfigError, match=told):
        load_classifier(longest).require(found)


def test_log_odds_are_those_of_the_scores_and_have_no_bounds():
    classifier = trained()
    rows = features(1100)
    odds = classifier.log_odds(rows)
    assert odds.dtype == np.float64
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), classifier.score(rows)[:, 1], atol=SCORE_FP32)
    assert np.array_equal(np.concatenate([classifier.log_odds(rows[i : i + 7]) for i in range(0, 70, 7)]), odds[:70])
    far = classifier.log_odds(rows * np.float32(1e4))
    assert np.isfinite(far).all()
    assert np.abs(far).max() > 100


def test_numbers_in_half_precision_are_read_as_they_were_written(tmp_path, classifier):
    halved = replace(classifier, model=copy.deepcopy(classifier.model).half())
    (tmp_path / "h.safetensors").write_bytes(serialise_classifier(halved))
    found = load_classifier(tmp_path / "h.safetensors").model.state_dict()
    assert found["hidden_layer.weight"].dtype == torch.float32
    for name, tensor in halved.model.state_dict().items():
        assert torch.equal(found[name], tensor.to(found[name].dtype))
