"""`virnucpro predict` with the model inside the package: here a folder of random weights in its place."""

import json
import shutil

import numpy as np
import pytest
import torch

from conftest import random_dna, write_fasta
from mini_layout import write_mini
from virnucpro.models.packaged import open_packaged
from virnucpro.scoring.calibration import Calibration
from virnucpro.sequences.reading import SequenceFile


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_mini(tmp_path_factory.mktemp("data") / "mini")


@pytest.fixture
def mini(folder, monkeypatch):
    monkeypatch.setattr("virnucpro.models.packaged.MINI_FOLDER", folder)
    return folder


@pytest.fixture
def contigs(tmp_path):
    generator = np.random.default_rng(12)
    records = [
        ("open", "GCC" * 50),
        ("stretches", random_dna(generator, 1800)),
        ("stops", "TAATTAGTTAACTAATTAGTTAAC" * 10),
        ("tiny", "ACG"),
        ("ns", "N" * 600),
        ("same", random_dna(generator, 420)),
        ("same", random_dna(generator, 130).lower()),
        ("none", ""),
    ]
    return write_fasta(tmp_path / "contigs.fna", records)


def rows(path):
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def called(folder):
    return rows(folder / "calls.tsv")


def test_without_a_choice_it_is_the_package_s_own(virnucpro, tmp_path, contigs, mini):
    code, out, err = virnucpro("predict", contigs, "-o", tmp_path / "out", "--dtype", "fp32")
    assert (code, out) == (0, ""), err
    calls = called(tmp_path / "out")
    assert list(calls[0])[-2:] == ["best_window", "fdr"]
    assert [row["status"] for row in calls] == ["scored"] * 3 + ["too_short", "ambiguous", "scored", "scored", "empty"]
    assert all((row["fdr"] == "NA") == (row["status"] != "scored") for row in calls)
    content = json.loads((tmp_path / "out" / "run.json").read_text())
    assert content["classifier"]["name"] == "mini"
    assert (content["settings"]["prior"], content["settings"]["level"]) == (0.5, "default")
    assert content["encoders"]["dna"]["identity"]["name"] == "mini-dna"
    identity = content["encoders"]["protein"]["identity"]
    assert (identity["name"], identity["revision"]) == ("mini", identity["weights_sha256"])
    kinds = content["counts"]["windows_by_row"]
    assert kinds["open_frame"] + kinds["stretches"] + kinds["dna_only"] == content["counts"]["windows"]["frames"]
    assert kinds["open_frame"] == 1
    assert kinds["dna_only"] == 1
    assert 10 <= kinds["stretch_residues"]["shortest"] <= kinds["stretch_residues"]["median"] < 167
    assert "1 with an open frame, 6 by stretches between stops" in err
    assert "1 by DNA alone" in err


def test_levels_and_priors_change_calls_and_compute_nothing(virnucpro, tmp_path, contigs, mini):
    virnucpro("predict", contigs, "-o", tmp_path / "out", "--dtype", "fp32")
    usual, viral = called(tmp_path / "out"), {}
    for level in ("--conservative", "--relaxed"):
        code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", "--dtype", "fp32", level)
        assert code == 0
        assert "parts: 0 computed, 1 skipped" in err
        viral[level] = {i for i, row in enumerate(called(tmp_path / "out")) if row["call"] == "virus"}
        assert json.loads((tmp_path / "out" / "run.json").read_text())["settings"]["level"] == level[2:]
    assert viral["--conservative"] <= {i for i, row in enumerate(usual) if row["call"] == "virus"} <= viral["--relaxed"]
    assert viral["--conservative"] != viral["--relaxed"]
    code, *_ = virnucpro("predict", contigs, "-o", tmp_path / "out", "--dtype", "fp32", "--prior", "0.01")
    assert code == 0
    for row, rare in zip(usual, called(tmp_path / "out"), strict=True):
        assert row["call"] == rare["call"]
        if row["virus_score"] != "NA":
            assert float(rare["virus_score"]) < float(row["virus_score"])
            assert float(rare["fdr"]) >= float(row["fdr"])


def test_a_run_of_n_says_nothing_of_a_contig(virnucpro, tmp_path, mini):
    contigs = [(f"c{number}", random_dna(np.random.default_rng(number), 300)) for number in range(4)]
    gapped = [(name, letters + "N" * 9000) for name, letters in contigs]
    for name, records in (("plain", contigs), ("gapped", gapped)):
        fasta = write_fasta(tmp_path / f"{name}.fna", records)
        assert virnucpro("predict", fasta, "-o", tmp_path / name, "--window", "300", "--dtype", "fp32")[0] == 0
    for plain, gap in zip(called(tmp_path / "plain"), called(tmp_path / "gapped"), strict=True):
        assert (int(plain["length"]), int(gap["length"]), gap["n_scored"]) == (300, 9300, "1")
        assert [plain[key] for key in ("virus_score", "call", "fdr")] == [
            gap[key] for key in ("virus_score", "call", "fdr")
        ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--conservative", "--relaxed"), "exclude each other"),
        (("--min-score", "0.5", "--relaxed"), "exclude each other"),
        (("--window", "99"), "window: 100 to 1000 bp needed, 99 bp found"),
        (("--window", "1001"), "window: 100 to 1000 bp needed, 1001 bp found"),
        (("--prior", "1"), "not in the range"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(virnucpro, tmp_path, contigs, mini, options, told):
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *options)
    assert code == 2
    assert told in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [("--prior", "0.1"), ("--conservative",)])
def test_a_classifier_without_calibration_has_neither_levels_nor_priors(virnucpro, tmp_path, contigs, models, options):
    plain = models / "classifier.safetensors"
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", "--classifier", plain, *options)
    assert code == 2
    assert "not calibrated" in err
    assert not (tmp_path / "out").exists()


def test_a_call_is_the_score_against_the_threshold_of_its_length(virnucpro, tmp_path, contigs, mini):
    """By the file's own parts: log odds of rows to calls, anew."""
    virnucpro("predict", contigs, "-o", tmp_path / "out", "--dtype", "fp32", "--window", "200")
    with np.load(tmp_path / "out" / "parts" / "scores_000001.npz") as part:
        columns = dict(part)
    from virnucpro.verbs.predict import find_classifier

    made = Calibration.from_dict(find_classifier("mini").calibration)
    for number, row in enumerate(called(tmp_path / "out"), start=1):
        own = np.flatnonzero((columns["record_numbers"] == number) & (columns["outcomes"] == 0))
        if not len(own):
            assert row["call"] == "uncalled"
            continue
        odds = [columns["log_odds"][columns["window_rows"] == window].mean() for window in own]
        z_w = made.window_logits(odds, (columns["ends"] - columns["starts"])[own])
        z = made.record_logit(z_w, int(row["length"]))
        assert float(row["virus_score"]) == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)
        assert (row["call"] == "virus") == (z >= made.threshold("default", int(row["length"])))
        assert float(row["fdr"]) == pytest.approx(made.fdr(z, int(row["length"]), 0.5), abs=1e-6)


def test_a_call_does_not_depend_on_company_order_or_parts(virnucpro, tmp_path, contigs, mini, monkeypatch):
    virnucpro("predict", contigs, "-o", tmp_path / "whole", "--dtype", "fp32")
    monkeypatch.setattr("virnucpro.verbs.framing.frame_parts.__defaults__", (1, 3))
    records = [(record.header, record.sequence) for record in SequenceFile(contigs)]
    turned = write_fasta(tmp_path / "turned.fna", records[::-1])
    virnucpro("predict", turned, "-o", tmp_path / "turned", "--dtype", "fp32")
    assert len(list((tmp_path / "turned" / "parts").glob("*.npz"))) > 2
    numbers = ("virus_score", "fdr")
    for row, other in zip(called(tmp_path / "whole"), called(tmp_path / "turned")[::-1], strict=True):
        assert {**row, "virus_score": 0, "fdr": 0} == {**other, "virus_score": 0, "fdr": 0}
        for name in numbers:
            assert row[name] == other[name] == "NA" or abs(float(row[name]) - float(other[name])) <= 1e-5


def test_an_installation_without_it_says_so(virnucpro, tmp_path, contigs, mini, monkeypatch):
    monkeypatch.setattr("virnucpro.models.packaged.MINI_FOLDER", tmp_path / "absent")
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out")
    assert code == 4
    assert "the weights of mini are not in this installation" in err
    assert "--classifier FILE" in err
    code, _, err = virnucpro("embed", contigs, "-o", tmp_path / "out", "--model", "mini-dna")
    assert code == 4
    assert "the weights of mini-dna are not in this installation" in err
    code, out, _ = virnucpro("models")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert "not here" in lines["mini"]
    assert not (tmp_path / "out").exists()


def test_models_lists_both_halves(virnucpro, mini):
    code, out, _ = virnucpro("models")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert lines["mini"].split()[2:5] == ["2", "32", "here"]
    assert lines["mini-dna"].split()[2:5] == ["2", "48", "here"]
    code, _, err = virnucpro("models", "download", "mini")
    assert code == 2
    assert "nothing to download" in err


def test_halves_embed_by_name(virnucpro, tmp_path, contigs, mini):
    proteins = write_fasta(tmp_path / "p.faa", [("p", "MKVLAAGIVGL")])
    for model, path, result, width in (
        ("mini", proteins, "p_ESM.pt", 32),
        ("mini-dna", tmp_path / "d.fna", "d_DNABERT_S.pt", 48),
    ):
        write_fasta(tmp_path / "d.fna", [("d", "ACGTTGCA" * 9)])
        code, _, err = virnucpro("embed", path, "-o", tmp_path / "out", "--model", model)
        assert code == 0, err
        rows = torch.load(tmp_path / "out" / result, weights_only=True)["data"]
        assert len(rows[0]["mean_representation"] if model == "mini-dna" else rows[0]) == width
        receipt = json.loads((tmp_path / "out" / f"{result}.json").read_text())
        assert open_packaged(model).identity.revision in json.dumps(receipt)


def test_weights_that_are_not_the_classifier_s_are_refused(virnucpro, tmp_path, contigs, mini, folder, monkeypatch):
    other = tmp_path / "mini"
    shutil.copytree(folder, other)
    shutil.rmtree(other / "dna")
    write_mini(
        tmp_path / "second",
        dna={"num_hidden_layers": 1, "hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 64},
    )
    shutil.copytree(tmp_path / "second" / "dna", other / "dna")
    monkeypatch.setattr("virnucpro.models.packaged.MINI_FOLDER", other)
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out")
    assert code == 2
    assert "dna encoder" in err
