"""`virnucpro train`, `evaluate`, `import-classifier` as a user meets them."""

import json
import subprocess
import sys

import pytest
import torch

from feature_parts import CONTRACT, make_genomes, read_json_lines
from published_modules import ORIGINAL
from virnucpro import load_classifier
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
        *("--host", make_genomes(tmp_path / "host", "host")),
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
    assert "rows: 168 viral and 168 host to learn from, 24 viral and 24 host to measure on (split by record)" in err
    assert "epoch 1: train loss" in err
    assert "test AUROC" in err
    assert f"{path}: epoch " in err
    assert " of 4, test loss " in err
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
    code, _, err = virnucpro("train", "--viral", viral, "--host", host, "-o", path, *QUICK)
    assert code == 0
    assert "add --window" in err
    assert "without receipts" in err
    code, _, err = virnucpro(
        "train", "--viral", viral, "--host", host, "-o", path, *QUICK, "--window", "300", "--overwrite"
    )
    assert code == 0
    assert "add --window" not in err
    assert load_classifier(path).spec.window_bp == 300
    code, _, err = virnucpro("evaluate", path, "--viral", viral, "--host", host, "-o", tmp_path / "e", "--draws", "5")
    assert code == 0
    assert "not checked, because features or classifier do not say it: dna encoder, window length" in err


def test_evaluate_writes_figures_tables_and_pictures(virnucpro, tmp_path, folders, model):
    out = tmp_path / "e"
    code, _, err = virnucpro("evaluate", model, *folders, "-o", out, "--draws", "20", "--test-side")
    assert code == 0
    assert "frames: 48 (24 viral) of 2 records" in err
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["evaluation.json", "evaluation.tsv"]
        + [
            f"{name}.{kind}"
            for name in ("roc", "precision_recall", "calibration", "score_histogram")
            for kind in ("png", "svg")
        ]
    )
    report = json.loads((out / "evaluation.json").read_text())
    frames, windows = report["models"][0]["evaluations"]
    assert (frames["level"], windows["level"]) == ("frames", "windows")
    assert sum(frames["confusion"].values()) == frames["rows"] == 48
    assert sum(stretch["rows"] for stretch in windows["reliability"]) == windows["rows"] == 16
    assert set(frames["figures"]) == {"accuracy", "precision", "recall", "f1", "auroc", "auprc", "mcc"}
    assert all(low <= high for low, high in frames["intervals_95"].values())
    table = [line.split("\t") for line in (out / "evaluation.tsv").read_text().splitlines()]
    assert table[0] == ["model", "window_bp", "modality", "rows_of", "level", "metric", "value", "low95", "high95"]
    assert len(table) == 15
    assert table[1][:6] == ["m.safetensors", "500", "both", "test side, split by record", "frames", "accuracy"]


def test_classifiers_are_compared_by_window_and_by_modality(virnucpro, tmp_path, folders, model):
    short = FeatureSpec(300, CONTRACT.dna, CONTRACT.protein)
    viral_300 = make_genomes(tmp_path / "v300", "viral", spec=short)
    host_300 = make_genomes(tmp_path / "h300", "host", spec=short)
    dna, both_300 = tmp_path / "dna.safetensors", tmp_path / "both_300.safetensors"
    assert virnucpro("train", *folders, "-o", dna, *QUICK, "--modality", "dna")[0] == 0
    assert virnucpro("train", "--viral", viral_300, "--host", host_300, "-o", both_300, *QUICK)[0] == 0
    out = tmp_path / "e"
    pairs = (*folders, "--viral", viral_300, "--host", host_300)
    code, _, err = virnucpro("evaluate", model, dna, both_300, *pairs, "-o", out, "--draws", "5", "--test-side")
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
    assert "in pairs" in err


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
    code, _, err = virnucpro("evaluate", model, "--viral", viral, "--host", host, "-o", tmp_path / "e")
    assert code == 3
    assert "dna features are 7 wide" in err
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("train", "--viral", "x", "--host", "y"), "Missing option '-o'"),
        (("train", "--viral", "x", "--host", "y", "-o", "m.safetensors"), "x: no such folder"),
        (("train", "--viral", "x", "--host", "y", "-o", "m.pth"), "ends in .safetensors"),
        (("train", "--viral", "x", "--host", "y", "-o", "m.safetensors", "--rows-per-batch", "1"), "rows-per-batch"),
        (("evaluate", "m.safetensors", "--viral", "x", "-o", "e"), "Missing option '--host'"),
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
    assert "3328 numbers of dnabert-s and esm2-3b, windows of 500 bp" in err
    assert load_classifier(path).spec.window_bp == 500
    arguments = ("import-classifier", tmp_path / "500_model.pth", "-o", path, "--window", "300")
    assert virnucpro(*arguments)[0] == 4
    assert virnucpro(*arguments, "--overwrite")[0] == 0
    (tmp_path / "bad.pth").write_bytes(b"cposix\nsystem\n.")
    code, _, err = virnucpro(
        "import-classifier", tmp_path / "bad.pth", "-o", tmp_path / "n.safetensors", "--window", "1"
    )
    assert code == 4
    assert "asks for posix.system" in err


@pytest.mark.parametrize("verb", ["train", "evaluate", "import-classifier"])
def test_help_imports_neither_torch_nor_matplotlib(verb):
    script = (
        "import sys; from virnucpro.cli.main import run; code = run([sys.argv[1], '--help']); "
        "sys.exit(code or ' '.join({'torch', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script, verb], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--overwrite" in done.stdout
