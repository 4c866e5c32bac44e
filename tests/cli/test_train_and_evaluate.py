"""`virnucpro train`, `evaluate`, `import-classifier` as a user meets them."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from conftest import write_fasta
from feature_parts import SPEC, make_genomes, read_json_lines
from hostile_files import HOSTILE, archive
from published_modules import ORIGINAL
from virnucpro import load_classifier
from virnucpro.evaluation.metrics import METRICS
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.records import ModelIdentity

QUICK = ("--threads", "1", "--epochs", "4", "--learning-rate", "0.02", "--rows-per-batch", "16")


@pytest.fixture(autouse=True)
def _threads():
    """--threads is for the whole process: give back what other tests had."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folders(tmp_path):
    return (
        *("--viral", make_genomes(tmp_path / "viral", "viral")),
        *("--non-viral", make_genomes(tmp_path / "host", "host")),
    )


@pytest.fixture
def model(virnucpro, tmp_path, folders):
    path = tmp_path / "m.safetensors"
    assert virnucpro("train", *folders, "-o", path, *QUICK)[0] == 0
    return path


def test_train_says_what_it_does_and_what_came_out(virnucpro, tmp_path, folders):
    path = tmp_path / "m.safetensors"
    code, out, err = virnucpro("train", *folders, "-o", path, *QUICK, "--device", "cpu")
    assert (code, out) == (0, "")
    assert "rows: train 168 viral + 168 non-viral; test 24 viral + 24 non-viral" in err
    assert "epoch 1: train loss" in err
    assert "test AUROC" in err
    assert "best epoch: " in err
    assert " of 4, test loss " in err
    assert f"classifier: {path}" in err
    assert "warning" not in err
    assert len(read_json_lines(tmp_path / "m.epochs.jsonl")) == 4
    assert load_classifier(path).spec.window_bp == 500
    code, _, err = virnucpro("train", *folders, "-o", path, *QUICK)
    assert code == 4
    assert "--overwrite" in err
    assert virnucpro("train", *folders, "-o", path, *QUICK, "--overwrite", "--quiet") == (0, "", "")


def test_a_random_split_is_warned_of(virnucpro, tmp_path, folders):
    code, _, err = virnucpro("train", *folders, "-o", tmp_path / "m.safetensors", *QUICK, "--split", "random")
    assert code == 0
    assert "warning: split by row" in err


def test_features_that_say_little_are_warned_of(virnucpro, tmp_path):
    unknown = FeatureSpec(None, EncoderUse(6), EncoderUse(10, ModelIdentity("some-model", None, "1" * 64)))
    viral = make_genomes(tmp_path / "v", "viral", spec=unknown)
    host = make_genomes(tmp_path / "h", "host", spec=unknown)
    path = tmp_path / "m.safetensors"
    code, _, err = virnucpro("train", "--viral", viral, "--non-viral", host, "-o", path, *QUICK)
    assert code == 0
    assert "give it with --window" in err
    assert "some features have no manifest" in err
    code, _, err = virnucpro(
        "train", "--viral", viral, "--non-viral", host, "-o", path, *QUICK, "--window", "300", "--overwrite"
    )
    assert code == 0
    assert "give it with --window" not in err
    assert load_classifier(path).spec.window_bp == 300
    code, _, err = virnucpro(
        "evaluate", path, "--viral", viral, "--non-viral", host, "-o", tmp_path / "e", "--draws", "5"
    )
    assert code == 0
    assert "not checked, because features or classifier do not record it: dna encoder, window length" in err


def test_evaluate_writes_figures_tables_and_pictures(virnucpro, tmp_path, folders, model):
    out = tmp_path / "e"
    code, _, err = virnucpro("evaluate", model, *folders, "-o", out, "--draws", "20", "--test-part")
    assert code == 0
    assert "ORFs: 24 viral + 24 non-viral, of 2 records" in err
    assert "records: 1 viral + 1 non-viral, of 2 records; no intervals, because all bootstrap draws agree" in err
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["evaluation.json", "evaluation.tsv"]
        + [
            f"{name}.{kind}"
            for name in ("roc", "precision_recall", "calibration", "score_histogram")
            for kind in ("png", "svg")
        ]
    )
    report = json.loads((out / "evaluation.json").read_text())
    orfs, windows, records, *by_length = report["models"][0]["evaluations"]
    assert [found["unit"] for found in (orfs, windows, records)] == ["orf", "window", "record"]
    assert sum(orfs["calls"]["default"].values()) == orfs["rows"] == 48
    assert sum(bin_["rows"] for bin_ in windows["reliability"]) == windows["rows"] == 16
    assert set(orfs["figures"]) == {*METRICS, "calibration_error"}
    assert all(low <= high for low, high in orfs["intervals_95"].values())
    assert [(found["unit"], found["length_bp"], found["figures"]) for found in by_length] == [
        ("window", "500-999", {}), ("record", "3000-9999", {})
    ]  # fmt: skip
    table = [line.split("\t") for line in (out / "evaluation.tsv").read_text().splitlines()]
    assert table[0] == [
        "model", "window_bp", "modality", "rows_of", "unit", "length_bp", "viral", "non_viral", "records", "metric",
        "value", "low95", "high95",
    ]  # fmt: skip
    assert len(table) == 1 + 3 * (len(METRICS) + 1)
    assert table[1][:7] == ["m.safetensors", "500", "both", "test part, split by record", "orf", "all", "24"]


def test_classifiers_are_compared_by_window_and_by_modality(virnucpro, tmp_path, folders, model):
    short = FeatureSpec(300, SPEC.dna, SPEC.protein)
    viral_300 = make_genomes(tmp_path / "v300", "viral", spec=short)
    host_300 = make_genomes(tmp_path / "h300", "host", spec=short)
    dna, both_300 = tmp_path / "dna.safetensors", tmp_path / "both_300.safetensors"
    assert virnucpro("train", *folders, "-o", dna, *QUICK, "--modality", "dna")[0] == 0
    assert virnucpro("train", "--viral", viral_300, "--non-viral", host_300, "-o", both_300, *QUICK)[0] == 0
    out = tmp_path / "e"
    pairs = (*folders, "--viral", viral_300, "--non-viral", host_300)
    code, _, err = virnucpro("evaluate", model, dna, both_300, *pairs, "-o", out, "--draws", "5", "--test-part")
    assert code == 0, err
    table = [line.split("\t") for line in (out / "evaluation.tsv").read_text().splitlines()[1:]]
    assert {tuple(row[:3]) for row in table} == {
        ("m.safetensors", "500", "both"), ("dna.safetensors", "500", "dna"), ("both_300.safetensors", "300", "both")
    }  # fmt: skip
    assert [entry["modality"] for entry in json.loads((out / "evaluation.json").read_text())["models"]] == [
        "both", "dna", "both"
    ]  # fmt: skip
    for folder in ("m", "dna", "both_300"):
        assert (out / folder / "score_histogram.svg").exists()
    compared = (out / "roc.svg").read_text()
    assert compared.count("AUROC") >= 3
    code, _, err = virnucpro("evaluate", model, *pairs, "--viral", viral_300, "-o", out)
    assert code == 2
    assert "give them in pairs" in err


def test_rows_of_the_training_are_warned_of(virnucpro, tmp_path, folders, model):
    code, _, err = virnucpro("evaluate", model, *folders, "-o", tmp_path / "e", "--draws", "2")
    assert code == 0
    assert "trained on these very rows" in err
    code, _, err = virnucpro("evaluate", model, *folders, "-o", tmp_path / "e", "--draws", "2")
    assert code == 4
    assert "--overwrite" in err


def test_features_of_another_kind_stop_before_any_work(virnucpro, tmp_path, model):
    spec = FeatureSpec(500, EncoderUse(7), EncoderUse(10))
    viral = make_genomes(tmp_path / "v", "viral", spec=spec)
    host = make_genomes(tmp_path / "h", "host", spec=spec)
    code, _, err = virnucpro("evaluate", model, "--viral", viral, "--non-viral", host, "-o", tmp_path / "e")
    assert code == 3
    assert "dna features are 7 wide" in err
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("train", "--viral", "x", "--non-viral", "y"), "Missing option '-o'"),
        (("train", "--viral", "x", "--non-viral", "y", "-o", "m.safetensors"), "x: no such folder"),
        (("train", "--viral", "x" * 300, "--non-viral", "y", "-o", "m.safetensors"), "...: no such folder"),
        (("train", "--viral", "x", "--non-viral", "y", "-o", "m.pth"), "ends in .safetensors"),
        (
            ("train", "--viral", "x", "--non-viral", "y", "-o", "m.safetensors", "--rows-per-batch", "1"),
            "rows-per-batch",
        ),
        (("evaluate", "m.safetensors", "--viral", "x", "-o", "e"), "Missing option '--non-viral'"),
        (("import-classifier", "x.pth", "-o", "m.safetensors"), "Missing option '--window'"),
        (("import-classifier", "x.pth", "-o", "m.pth", "--window", "500"), "ends in .safetensors"),
    ],
)
def test_wrong_arguments(virnucpro, arguments, told):
    code, _, err = virnucpro(*arguments)
    assert code == 2
    assert told in err


def test_import_classifier(virnucpro, tmp_path):
    script = ORIGINAL + "torch.save(made(3328), folder + '/500_model.pth')"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    path = tmp_path / "m.safetensors"
    code, _, err = virnucpro("import-classifier", tmp_path / "500_model.pth", "-o", path, "--window", "500")
    assert code == 0
    assert "takes 3328 features of dnabert-s and esm2-3b, windows of 500 bp" in err
    assert load_classifier(path).spec.window_bp == 500
    arguments = ("import-classifier", tmp_path / "500_model.pth", "-o", path, "--window", "300")
    assert virnucpro(*arguments)[0] == 4
    assert virnucpro(*arguments, "--overwrite")[0] == 0
    archive(tmp_path / "bad.pth", HOSTILE["code"])
    code, _, err = virnucpro(
        "import-classifier", tmp_path / "bad.pth", "-o", tmp_path / "n.safetensors", "--window", "1"
    )
    assert code == 4
    assert "asks for posix.system" in err


@pytest.mark.parametrize("verb", ["train", "evaluate", "import-classifier"])
def test_help_is_quick_and_has_examples(verb):
    script = (
        "import sys; from virnucpro.cli.main import run; code = run([sys.argv[1], '--help']); "
        "sys.exit(code or ' '.join({'torch', 'matplotlib', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script, verb], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--overwrite" in done.stdout
    if verb != "import-classifier":
        assert done.stdout.count(f"  virnucpro {verb} ") == 3
        assert "--non-viral DIR" in done.stdout


def test_importing_predict_imports_no_scikit_learn():
    script = "import sys, virnucpro.verbs.predict; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_calibrated_classifier_is_told_of(virnucpro, tmp_path):
    viral, host = (make_genomes(tmp_path / name, name, records=40, shift=0.4) for name in ("viral", "host"))
    features = ("--viral", viral, "--non-viral", host)
    path = tmp_path / "m.safetensors"
    code, _, err = virnucpro("train", *features, "-o", path, *QUICK, "--calibrate", "--calibration-share", "0.3")
    assert code == 0
    assert "calibration 288 viral + 288 non-viral" in err
    assert "warning: conservative: 96 non-viral sequences" in err
    code, _, err = virnucpro("evaluate", path, *features, "-o", tmp_path / "e", "--draws", "5")
    assert code == 0
    bins = json.loads((tmp_path / "e" / "evaluation.json").read_text())["models"][0]["evaluations"]
    assert {(found["unit"], found["length_bp"]) for found in bins if found["figures"]} >= {
        ("window", "500-999"), ("record", "3000-9999")
    }  # fmt: skip
    assert (tmp_path / "e" / "recall_by_length.svg").exists()
    code, _, err = virnucpro(
        "train", *features, "-o", tmp_path / "n.safetensors", *QUICK, "--calibrate", "--split", "random"
    )
    assert code == 2
    assert "whole records" in err


def test_predict_calls_as_evaluate_measured(virnucpro, tmp_path, models):
    """From genomes to calls with a calibrated classifier of one's own: the same calls as in its evaluation."""
    generator = np.random.default_rng(8)
    encoders = ("--dna-model", models / "dna", "--protein-model", models / "protein", "--dtype", "fp32")
    fasta = {}
    for name, at_share in (("viral", 0.36), ("non-viral", 0.28)):
        letters = [at_share, 0.5 - at_share, 0.5 - at_share, at_share]
        records = [(f"{name}{i}", "".join(generator.choice(list("ACGT"), 240, p=letters))) for i in range(60)]
        fasta[name] = write_fasta(tmp_path / f"{name}.fna", records)
        arguments = ("features", fasta[name], "-o", tmp_path / name, "--label", name, "--window", "60", *encoders)
        assert virnucpro(*arguments)[0] == 0
    features = ("--viral", tmp_path / "viral", "--non-viral", tmp_path / "non-viral")
    path = tmp_path / "own.safetensors"
    code, _, err = virnucpro("train", *features, "-o", path, *QUICK, "--calibrate", "--calibration-share", "0.4")
    assert code == 0, err
    assert virnucpro("evaluate", path, *features, "-o", tmp_path / "e", "--draws", "2")[0] == 0
    evaluations = json.loads((tmp_path / "e" / "evaluation.json").read_text())["models"][0]["evaluations"]
    (of_records,) = [found for found in evaluations if (found["unit"], found["length_bp"]) == ("record", "all")]
    both = tmp_path / "both.fna"
    both.write_text(fasta["viral"].read_text() + fasta["non-viral"].read_text())
    for level, option in (("default", ()), ("relaxed", ("--relaxed",))):
        out = tmp_path / level
        assert virnucpro("predict", both, "-o", out, "--classifier", path, *encoders, *option)[0] == 0
        header, *lines = (line.split("\t") for line in (out / "calls.tsv").read_text().splitlines())
        rows = [dict(zip(header, line, strict=True)) for line in lines]
        assert all(0 <= float(row["fdr"]) <= 1 for row in rows if row["status"] == "scored")
        called = Counter(row["record"].rstrip("0123456789") for row in rows if row["call"] == "viral")
        measured = of_records["calls"][level]
        assert called == Counter({"viral": measured["true_viral"], "non-viral": measured["false_viral"]})
        assert called["viral"] > called["non-viral"]
