"""Splitting, fitting, and what is kept."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_parts import CONTRACT, make_genomes, read_json_lines, write_part
from virnucpro import ConfigError, InputError, StoreError, load_classifier
from virnucpro.evaluation.metrics import measure
from virnucpro.features.rows import open_labelled_rows
from virnucpro.features.spec import FeatureSpec
from virnucpro.sequences.row_ids import number_sources
from virnucpro.training.fit import FitSettings, Task, fit_mlp
from virnucpro.training.split import split_by_record, split_rows
from virnucpro.verbs.evaluate import EvaluationJob, carry_out_evaluation, plan_evaluation
from virnucpro.verbs.train import TrainingJob, carry_out_training, make_split, plan_training

CPU = torch.device("cpu")
QUICK = FitSettings(epochs=6, learning_rate=0.02, hidden_width=16)


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
def job(tmp_path, folders):
    return TrainingJob(*folders, tmp_path / "m.safetensors", settings=QUICK)


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
    with pytest.raises(ConfigError, match="1 host record: a split by record needs two"):
        split_by_record(labels, np.array([0, 0, 1, 2]), 0.1, 0)
    with pytest.raises(ConfigError, match="1 records have rows in both classes"):
        split_by_record(labels, np.array([0, 1, 1, 2]), 0.1, 0)
    with pytest.raises(ConfigError, match="the test side would have rows of 0 of 2 classes"):
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


def test_one_seed_one_file(tmp_path, job):
    torch.manual_seed(1)
    carry_out_training(plan_training(job), CPU)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    carry_out_training(plan_training(replace(job, output=tmp_path / "again.safetensors")), CPU)
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert (tmp_path / "m.epochs.jsonl").read_bytes() == (tmp_path / "again.epochs.jsonl").read_bytes()
    other = replace(job, output=tmp_path / "other.safetensors", settings=replace(QUICK, seed=1))
    carry_out_training(plan_training(other), CPU)
    assert (tmp_path / "m.safetensors").read_bytes() != (tmp_path / "other.safetensors").read_bytes()
    torch.random.set_rng_state(state)


def test_what_is_written(tmp_path, job):
    told = []
    report = carry_out_training(plan_training(job), CPU, told.append)
    lines = read_json_lines(tmp_path / "m.epochs.jsonl")
    assert [line["epoch"] for line in lines] == [epoch.number for epoch in told] == list(range(1, len(lines) + 1))
    assert set(lines[0]) >= {"learning_rate", "train_loss", "test_loss", "best", "test_auroc", "test_mcc", "test_f1"}
    classifier = load_classifier(tmp_path / "m.safetensors")
    assert classifier.spec == CONTRACT
    assert classifier.training["split"] == "record"
    assert classifier.training["best"] == report.best.to_dict()
    assert classifier.training["rows"] == {"train_viral": 168, "train_host": 168, "test_viral": 24, "test_host": 24}
    assert report.best.test["auroc"] > 0.9


@pytest.mark.parametrize("modality", ["dna", "protein"])
def test_one_modality(job, modality):
    carry_out_training(plan_training(replace(job, modality=modality)), CPU)
    classifier = load_classifier(job.output)
    assert classifier.spec == CONTRACT.restricted(modality)


def test_a_random_split_flatters(tmp_path):
    """Genomes without any class in them, only with rows that are alike: learnt by heart, and worth nothing on others."""
    folders = [make_genomes(tmp_path / name, name, shift=0.0, spread=2.0, records=12) for name in ("viral", "host")]
    settings = replace(QUICK, epochs=12, patience=12, learning_rate=0.05)
    auroc = {}
    for split in ("record", "random"):
        job = TrainingJob(*folders, tmp_path / f"{split}.safetensors", split=split, test_share=0.3, settings=settings)
        auroc[split] = carry_out_training(plan_training(job), CPU).epochs[-1].test["auroc"]
    assert auroc["random"] > 0.95
    assert auroc["record"] < 0.8


def test_losses_that_are_not_finite(tmp_path, folders):
    write_part(tmp_path / "nan" / "a_merged.pt", ["a_chunk_1F1", "b_chunk_1F1"], np.full((2, 16), np.nan), 1)
    rows = open_labelled_rows(tmp_path / "nan", folders[1])
    task = Task(rows, slice(0, 16), make_split(rows, "record", 0.1, 42))
    told = []
    with pytest.raises(ConfigError, match="never a finite number"):
        fit_mlp(task, replace(QUICK, epochs=2), CPU, measure, told.append)
    assert math.isinf(told[0].test_loss)
    assert json.loads(json.dumps(told[0].to_dict(), allow_nan=False))["test_loss"] is None


def test_bad_settings_are_all_named():
    with pytest.raises(ConfigError, match=r"epochs is 0.*patience is 0.*rows_per_batch is 1.*learning_rate"):
        FitSettings(epochs=0, patience=0, rows_per_batch=1, learning_rate=0.0)


def test_jobs_that_are_refused_before_any_work(tmp_path, job):
    with pytest.raises(ConfigError, match=r"test share of 1\.0"):
        plan_training(replace(job, test_share=1.0))
    with pytest.raises(ConfigError, match=r"ends in \.safetensors"):
        plan_training(replace(job, output=tmp_path / "m.pth"))
    job.output.write_bytes(b"")
    with pytest.raises(StoreError, match="--overwrite"):
        plan_training(job)
    assert plan_training(job, overwrite=True).rows_on["train_viral"] == 168


def test_rows_that_do_not_say_where_they_come_from(tmp_path, folders, job):
    write_part(folders[0] / "x_merged.pt", ["some_id"], np.zeros((1, 16)), 1)
    with pytest.raises(InputError, match="'some_id'"):
        plan_training(job)
    assert plan_training(replace(job, split="random"))


def test_the_test_side_is_found_again(tmp_path, folders, job):
    report = carry_out_training(plan_training(job), CPU)
    evaluation = EvaluationJob((job.output,), (folders,), tmp_path / "e", test_side=True, draws=5)
    (plan,) = plan_evaluation(evaluation)
    assert not plan.seen_in_training
    (measured,) = carry_out_evaluation([plan])
    frames, windows = measured.evaluations
    assert (frames.rows, frames.records, windows.rows) == (48, 2, 16)
    assert frames.figures["auroc"] == pytest.approx(report.best.test["auroc"], abs=1e-6)
    assert plan_evaluation(replace(evaluation, outdir=tmp_path / "f", test_side=False))[0].seen_in_training
    other = make_genomes(tmp_path / "other", "viral", records=3)
    elsewhere = replace(evaluation, folders=((other, folders[1]),), outdir=tmp_path / "g")
    with pytest.raises(ConfigError, match="not trained on just these rows"):
        plan_evaluation(elsewhere)
    assert not plan_evaluation(replace(elsewhere, test_side=False))[0].seen_in_training


def test_a_classifier_refuses_other_features_before_scoring(tmp_path, folders, job, monkeypatch):
    carry_out_training(plan_training(job), CPU)
    spec = FeatureSpec(300, CONTRACT.dna, CONTRACT.protein)
    viral = make_genomes(tmp_path / "v3", "viral", spec=spec)
    host = make_genomes(tmp_path / "h3", "host", spec=spec)
    with pytest.raises(ConfigError, match="window: 500 bp needed, 300 bp found"):
        plan_evaluation(EvaluationJob((job.output,), ((viral, host),), tmp_path / "e"))
    pairs = ((viral, host), (make_genomes(tmp_path / "v4", "viral", spec=spec), host))
    with pytest.raises(ConfigError, match=r"(?s)v3.*300 bp found.*v4.*300 bp found"):
        plan_evaluation(EvaluationJob((job.output,), pairs, tmp_path / "e"))
    with pytest.raises(ConfigError, match="fits 2 pairs of folders"):
        plan_evaluation(EvaluationJob((job.output,), (folders, folders), tmp_path / "e"))
    with pytest.raises(ConfigError, match="several classifiers are called"):
        plan_evaluation(EvaluationJob((job.output, job.output), (folders,), tmp_path / "e"))
