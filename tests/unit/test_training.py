"""Splitting, fitting, and what is kept."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_parts import SPEC, make_genomes, read_json_lines, write_part
from virnucpro import ConfigError, InputError, StoreError, load_classifier
from virnucpro.evaluation.metrics import measure
from virnucpro.features.rows import open_labelled_rows
from virnucpro.features.spec import FeatureSpec
from virnucpro.sequences.row_ids import number_sources
from virnucpro.training.fit import FitSettings, Task, fit_mlp
from virnucpro.training.split import split_by_record, split_rows
from virnucpro.verbs.evaluate import EvaluateSettings, evaluate, plan_evaluation
from virnucpro.verbs.train import TrainSettings, make_split, plan_training, train

CPU = torch.device("cpu")
QUICK = TrainSettings(epochs=6, learning_rate=0.02, hidden_width=16)


@pytest.fixture(autouse=True)
def _one_thread():
    """Products this small are slower on two threads, and much slower beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folders(tmp_path):
    return make_genomes(tmp_path / "viral", "viral"), make_genomes(tmp_path / "host", "host")


@pytest.fixture
def output(tmp_path):
    return tmp_path / "m.safetensors"


def quick(folders, output, settings=QUICK, **more):
    return train(*folders, output, settings, "cpu", **more)


def test_no_record_is_on_both_sides(folders):
    rows = open_labelled_rows(*folders)
    records, _ = number_sources(rows.ids())
    for seed in range(20):
        split = split_by_record(rows.labels, records, 0.1, seed)
        assert not set(records[split.train]) & set(records[split.test])
        assert sorted(np.concatenate((split.train, split.test))) == list(range(len(rows)))
        assert set(rows.labels[split.test]) == {0, 1}
    by_row = split_rows(rows.labels, 0.1, 42)
    assert set(records[by_row.train]) & set(records[by_row.test])
    assert len(by_row.test) == 38


def test_whole_records_until_the_share_is_reached():
    records = np.repeat(np.arange(40), 5)
    labels = (records >= 20).astype(np.int64)
    split = split_by_record(labels, records, 0.2, 1)
    assert [int((labels[split.test] == label).sum()) for label in (0, 1)] == [20, 20]
    giant = np.array([0] * 90 + [1] * 10 + [2] * 5 + [3] * 5)
    for seed in range(9):  # whichever is drawn first, one of each class stays to be learnt from
        assert len(split_by_record((giant >= 2).astype(np.int64), giant, 0.1, seed).train)


def test_splits_that_cannot_be_made():
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(ConfigError, match="1 non-viral record cannot be split by record; at least 2"):
        split_by_record(labels, np.array([0, 0, 1, 2]), 0.1, 0)
    with pytest.raises(ConfigError, match="1 record IDs are in both classes"):
        split_by_record(labels, np.array([0, 1, 1, 2]), 0.1, 0)
    with pytest.raises(ConfigError, match="the test part would have rows of one class only"):
        split_rows(labels, 0.1, 0)


def test_the_best_weights_are_kept_not_the_last(tmp_path):
    """Defect 7: VirNucPro keeps references, which the optimiser goes on writing into."""
    folders = [make_genomes(tmp_path / name, name, shift=0.1) for name in ("viral", "host")]  # hard to tell apart
    rows = open_labelled_rows(*folders)
    split = make_split(rows, "record", 0.1, 42)
    task = Task(rows, slice(0, 16), split)
    settings = replace(QUICK, epochs=40, patience=5, learning_rate=0.05)  # so fast that it gets worse
    fitted = fit_mlp(task, settings, CPU, measure)
    best = min(range(len(fitted.epochs)), key=lambda i: fitted.epochs[i].test_loss)
    assert best + 1 + settings.patience == len(fitted.epochs)
    assert fitted.epochs[-1].test_loss > 1.2 * fitted.best.test_loss
    with torch.no_grad():
        logits = fitted.model(torch.from_numpy(rows.gather(split.test, slice(0, 16))))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(rows.labels[split.test])).item()
    assert loss == pytest.approx(fitted.best.test_loss, rel=1e-5)
    assert [epoch.number for epoch in fitted.epochs if epoch.best][-1] == fitted.best.number == best + 1


def test_the_rate_falls_in_steps(folders):
    rows = open_labelled_rows(*folders)
    task = Task(rows, slice(0, 16), make_split(rows, "record", 0.1, 42))
    settings = FitSettings(epochs=5, learning_rate=1e-3, rate_step_epochs=2, rate_factor=0.5, hidden_width=4)
    rates = [epoch.learning_rate for epoch in fit_mlp(task, settings, CPU, measure).epochs]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4])


def test_defaults_are_virnucpro_s():
    assert FitSettings() == FitSettings(200, 5, 32, 2e-4, 0.9, 10, 0.85, 512, 42)


@pytest.mark.parametrize("rows_in_all", [65, 97])
def test_a_last_row_alone_is_learnt_from_too(tmp_path, rows_in_all):
    """Batch norm refuses a batch of one."""
    seen = []

    class Counting(Task):
        def batch(self, numbers, device):
            seen.append(len(numbers))
            return super().batch(numbers, device)

    rows = open_labelled_rows(make_genomes(tmp_path / "v", "viral"), make_genomes(tmp_path / "h", "host"))
    split = make_split(rows, "random", 0.1, 42)
    task = Counting(rows, slice(0, 16), replace(split, train=split.train[:rows_in_all]))
    fit_mlp(task, replace(QUICK, epochs=1), CPU, measure)
    assert seen[:-1] == [32] * (rows_in_all // 32 - 1) + [33]


def test_one_seed_one_file(tmp_path, folders, output):
    torch.manual_seed(1)
    quick(folders, output)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    quick(folders, tmp_path / "again.safetensors")
    assert output.read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert (tmp_path / "m.epochs.jsonl").read_bytes() == (tmp_path / "again.epochs.jsonl").read_bytes()
    quick(folders, tmp_path / "other.safetensors", replace(QUICK, seed=1))
    assert output.read_bytes() != (tmp_path / "other.safetensors").read_bytes()
    torch.random.set_rng_state(state)


def test_what_is_written(tmp_path, folders, output):
    told = []
    result = quick(folders, output, on_epoch=told.append)
    lines = read_json_lines(tmp_path / "m.epochs.jsonl")
    assert [line["epoch"] for line in lines] == [epoch.number for epoch in told] == list(range(1, len(lines) + 1))
    assert set(lines[0]) >= {"learning_rate", "train_loss", "test_loss", "best", "test_auroc", "test_mcc", "test_f1"}
    classifier = load_classifier(output)
    assert (classifier.spec, classifier.calibration) == (SPEC, None)
    assert classifier.training["split"] == "record"
    assert classifier.training["best"] == result.best.to_dict()
    counts = {"train_viral": 168, "train_non_viral": 168, "test_viral": 24, "test_non_viral": 24}
    assert classifier.training["rows"] == result.rows == counts
    assert result.best.test["auroc"] > 0.9
    assert (result.output, result.log, result.warnings) == (output, tmp_path / "m.epochs.jsonl", [])


@pytest.mark.parametrize("modality", ["dna", "protein"])
def test_one_modality(folders, output, modality):
    quick(folders, output, replace(QUICK, modality=modality))
    assert load_classifier(output).spec == SPEC.restricted(modality)


def test_features_of_one_encoder_need_no_modality(tmp_path, output):
    spec = SPEC.restricted("dna")
    folders = [make_genomes(tmp_path / name, name, spec=spec) for name in ("viral", "host")]
    quick(folders, output)
    assert load_classifier(output).spec == spec
    with pytest.raises(ConfigError, match="these features are 'dna' only; ask for that"):
        quick(folders, output, replace(QUICK, modality="both"))


def test_a_random_split_flatters(tmp_path):
    """Genomes without any class in them, only with rows that are alike: learnt by heart, and worth nothing on others."""
    folders = [make_genomes(tmp_path / name, name, shift=0.0, spread=2.0, records=12) for name in ("viral", "host")]
    auroc = {}
    for split in ("record", "random"):
        settings = replace(QUICK, epochs=12, patience=12, learning_rate=0.05, split=split, test_share=0.3)
        auroc[split] = quick(folders, tmp_path / f"{split}.safetensors", settings).epochs[-1].test["auroc"]
    assert auroc["random"] > 0.95
    assert auroc["record"] < 0.8


def test_losses_that_are_not_finite(tmp_path, folders):
    write_part(tmp_path / "nan" / "a_merged.pt", ["a_chunk_1F1", "b_chunk_1F1"], np.full((2, 16), np.nan), 1)
    rows = open_labelled_rows(tmp_path / "nan", folders[1])
    task = Task(rows, slice(0, 16), make_split(rows, "record", 0.1, 42))
    told = []
    with pytest.raises(ConfigError, match="not finite in any epoch"):
        fit_mlp(task, replace(QUICK, epochs=2), CPU, measure, told.append)
    assert math.isinf(told[0].test_loss)
    assert json.loads(json.dumps(told[0].to_dict(), allow_nan=False))["test_loss"] is None


def test_bad_settings_are_all_named():
    with pytest.raises(ConfigError, match=r"epochs is 0.*patience is 0.*rows_per_batch is 1.*learning_rate"):
        FitSettings(epochs=0, patience=0, rows_per_batch=1, learning_rate=0.0)
    with pytest.raises(ConfigError, match=r"seed is -1.*test_share is 1\.0"):
        TrainSettings(seed=-1, test_share=1.0)
    with pytest.raises(ConfigError, match=r"calibration_share is 0\.5.*split is 'random'"):
        TrainSettings(calibrate=True, test_share=0.5, calibration_share=0.5, split="random")


def test_trainings_that_are_refused_before_any_work(tmp_path, folders, output):
    with pytest.raises(ConfigError, match=r"ends in \.safetensors"):
        plan_training(*folders, tmp_path / "m.pth", QUICK)
    for there in (output, tmp_path / "m.epochs.jsonl"):
        there.write_bytes(b"mine")
        with pytest.raises(StoreError, match=f"{there.name} exists already.*--overwrite"):
            plan_training(*folders, output, QUICK)
        assert plan_training(*folders, output, QUICK, overwrite=True).rows["train_viral"] == 168
        assert there.read_bytes() == b"mine"
        there.unlink()


def test_rows_that_do_not_name_their_record(folders, output):
    write_part(folders[0] / "x_merged.pt", ["some_id"], np.zeros((1, 16)), 1)
    with pytest.raises(InputError, match="'some_id'"):
        plan_training(*folders, output, QUICK)
    assert plan_training(*folders, output, replace(QUICK, split="random"))


def test_the_test_part_is_found_again(tmp_path, folders, output):
    trained = quick(folders, output)
    settings = EvaluateSettings(test_part=True, draws=5)
    result = evaluate(output, *folders, tmp_path / "e", settings)
    (measured,) = result.models
    assert (measured.rows_of, measured.warnings) == ("test part, split by record", [])
    orfs, windows, records = measured.overall()
    assert (orfs.rows, orfs.records, windows.rows, records.rows) == (48, 2, 16, 2)
    assert orfs.figures["auroc"] == pytest.approx(trained.best.test["auroc"], abs=1e-6)
    assert all(path.exists() for path in result.files)
    everything = plan_evaluation(output, *folders, tmp_path / "f", EvaluateSettings())
    assert everything.models[0].rows_of == "training and test parts"
    assert "too good" in everything.models[0].warnings[0]
    other = make_genomes(tmp_path / "other", "viral", records=3)
    with pytest.raises(ConfigError, match="not trained on exactly these rows"):
        plan_evaluation(output, other, folders[1], tmp_path / "g", settings)
    elsewhere = plan_evaluation(output, other, folders[1], tmp_path / "g", EvaluateSettings())
    assert elsewhere.models[0].rows_of == "other records"


def test_a_classifier_refuses_other_features_before_scoring(tmp_path, folders, output):
    quick(folders, output)
    settings, out = EvaluateSettings(), tmp_path / "e"
    spec = FeatureSpec(300, SPEC.dna, SPEC.protein)
    viral = make_genomes(tmp_path / "v3", "viral", spec=spec)
    host = make_genomes(tmp_path / "h3", "host", spec=spec)
    with pytest.raises(ConfigError, match="window: 500 bp needed, 300 bp found"):
        plan_evaluation(output, viral, host, out, settings)
    second = make_genomes(tmp_path / "v4", "viral", spec=spec)
    with pytest.raises(ConfigError, match=r"(?s)v3.*300 bp found.*v4.*300 bp found"):
        plan_evaluation(output, [viral, second], [host, host], out, settings)
    with pytest.raises(ConfigError, match="2 pairs of folders fit"):
        plan_evaluation(output, [folders[0]] * 2, [folders[1]] * 2, out, settings)
    with pytest.raises(ConfigError, match="several classifiers are named m"):
        plan_evaluation([output, output], *folders, out, settings)
    with pytest.raises(ConfigError, match="2 folders of viral and 1 of non-viral features"):
        plan_evaluation(output, [viral, second], host, out, settings)
    assert not out.exists()
