"""`virnucpro predict` with the model inside the package: here a folder of random weights in its place."""

import json
import shutil

import numpy as np
import pytest
import torch

from conftest import random_dna, write_fasta
from mini_layout import write_mini
from virnucpro.models.packaged import open_packaged
from virnucpro.sequences.nucleotides import reverse_complement

STRANDS = 1e-3
"""Allowed between the scores of a contig and of its reverse complement; sums of floats in another order."""


@pytest.fixture(scope="session")
def packaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_mini(folder / "mini")
    return folder


@pytest.fixture
def mini(packaged, monkeypatch):
    for module in ("virnucpro.models.packaged", "virnucpro.features.classifier"):
        monkeypatch.setattr(f"{module}.PACKAGED_FOLDER", packaged)
    return packaged / "mini"


@pytest.fixture
def contigs(tmp_path):
    generator = np.random.default_rng(12)
    records = [
        ("coding", "GCC" * 50),
        ("long", random_dna(generator, 4321)),
        ("tiny", "ACG"),
        ("ns", "N" * 600),
        ("same", random_dna(generator, 420)),
        ("same", random_dna(generator, 130).lower()),
        ("none", ""),
    ]
    return write_fasta(tmp_path / "contigs.fna", records)


def called(folder):
    header, *lines = (folder / "calls.tsv").read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def test_without_a_choice_it_is_the_package_s_own(virnucpro, tmp_path, contigs, mini):
    code, out, err = virnucpro("predict", contigs, "-o", tmp_path / "out")
    assert (code, out) == (0, ""), err
    calls = called(tmp_path / "out")
    assert [row["status"] for row in calls] == [
        "scored", "scored", "too_short", "ambiguous", "scored", "scored", "empty",
    ]  # fmt: skip
    for row in calls:
        missing = row["status"] != "scored"
        assert all(
            (row[name] == "NA") == missing for name in ("virus_score", "threshold", "margin", "fdr", "best_class")
        )
        assert (row["call"] == "not_scored") == missing
        if not missing:
            assert (float(row["margin"]) >= 0) == (row["call"] == "viral")
            assert (float(row["virus_score"]) >= float(row["threshold"])) == (row["call"] == "viral")
    content = json.loads((tmp_path / "out" / "run.json").read_text())
    identity = content["models"]["dna"]
    assert (identity["name"], identity["revision"]) == ("mini", identity["weights_sha256"])
    assert content["output_settings"]["level"] == "default"


def test_levels_and_priors_change_calls_and_compute_nothing(virnucpro, tmp_path, contigs, mini):
    virnucpro("predict", contigs, "-o", tmp_path / "out")
    usual, viral = called(tmp_path / "out"), {}
    for level in ("--conservative", "--relaxed"):
        code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", level)
        assert code == 0
        assert "0 parts computed, 1 skipped" in err
        viral[level] = {i for i, row in enumerate(called(tmp_path / "out")) if row["call"] == "viral"}
    assert viral["--conservative"] <= {i for i, row in enumerate(usual) if row["call"] == "viral"} <= viral["--relaxed"]
    assert viral["--conservative"] != viral["--relaxed"]
    assert virnucpro("predict", contigs, "-o", tmp_path / "out", "--prior", "0.01")[0] == 0
    for row, rare in zip(usual, called(tmp_path / "out"), strict=True):
        assert row["call"] == rare["call"]
        if row["virus_score"] != "NA":
            assert float(rare["virus_score"]) < float(row["virus_score"])
            assert float(rare["fdr"]) >= float(row["fdr"])


def test_a_prior_that_makes_the_calls_is_warned_of(virnucpro, tmp_path, mini, monkeypatch):
    reads = write_fasta(tmp_path / "reads.fna", [(f"r{i}", "GCC" * 40) for i in range(1000)])
    out = ("-o", tmp_path / "out")
    _, _, err = virnucpro("predict", reads, *out, "--prior", "auto")
    assert err.count("viral share by --prior auto: ") == 1
    assert "whatever" not in err
    monkeypatch.setattr("virnucpro.verbs.calling.ScoreHistogram.viral_share", lambda _: 0.99995)
    _, _, err = virnucpro("predict", reads, *out, "--prior", "auto", "--max-fdr", "0.1")
    assert "viral share by --prior auto: 0.99995\n" in err
    assert "reads.fna: at a viral share of 0.99995 (--prior auto), --max-fdr calls every scored record, at " in err
    assert {row["call"] for row in called(tmp_path / "out")} == {"viral"}
    _, _, err = virnucpro("predict", reads, *out, "-q", "--prior", "0.00001", "--min-score", "0.9")
    assert "at a viral share of 1e-05, --min-score calls every record non-viral whatever its score" in err
    assert {row["call"] for row in called(tmp_path / "out")} == {"non-viral"}
    few = write_fasta(tmp_path / "few.fna", [("a", "GCC" * 40)])
    _, _, err = virnucpro("predict", few, "-o", tmp_path / "few", "--prior", "auto")
    assert "needs at least 1000 scored records and found 1; using 0.5" in err
    assert "viral share by --prior auto: 0.5\n" in err


def test_ambiguous_letters_are_warned_of_and_what_cannot_be_read_has_no_call(virnucpro, tmp_path, mini):
    generator = np.random.default_rng(7)
    dna = random_dna(generator, 3000)
    masked = "".join(letter if known else "N" for letter, known in zip(dna, generator.random(3000) > 0.3, strict=True))
    records = [("clear", dna), ("gap", dna[:1000] + "N" * 900 + dna[1900:]), ("scattered", masked)]
    contigs = write_fasta(tmp_path / "contigs.fna", records)
    told = "contigs.fna: in 2 of 3 records, at least 10 % of the letters are not A, C, G, T or U;"
    for _ in range(2):  # computed, then finished
        code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", "-q")
        assert code == 0
        assert err.count(told) == 1
    rows = called(tmp_path / "out")
    assert [row["status"] for row in rows] == ["scored", "scored", "ambiguous"]
    assert rows[2]["call"] == "not_scored"
    assert ["ambiguous_letters" in row["warnings"].split(";") for row in rows] == [False, True, True]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["counts"]["ambiguous_records"] == 2
    mates = [write_fasta(tmp_path / f"p_{n}.fna", [("a", dna[:300]), ("b", text)]) for n, text in
             ((1, dna[:300]), (2, "N" * 90 + dna[:210]))]  # fmt: skip
    _, _, err = virnucpro("predict", "--paired", *mates, "-o", tmp_path / "pairs", "-q")
    assert "in 1 of 2 pairs, at least 10 %" in err


def test_a_record_and_its_reverse_complement_have_one_score(virnucpro, tmp_path, mini):
    generator = np.random.default_rng(4)
    contigs = [(f"c{length}", random_dna(generator, length)) for length in (100, 151, 1000, 1001, 2500, 3002, 7777)]
    turned = [(name, reverse_complement(letters.encode()).decode()) for name, letters in contigs]
    for folder, records in (("forward", contigs), ("reverse", turned)):
        assert virnucpro("predict", write_fasta(tmp_path / f"{folder}.fna", records), "-o", tmp_path / folder)[0] == 0
    for row, other in zip(called(tmp_path / "forward"), called(tmp_path / "reverse"), strict=True):
        assert abs(float(row["virus_score"]) - float(other["virus_score"])) <= STRANDS
        assert (row["call"], row["best_class"]) == (other["call"], other["best_class"])


def test_a_run_of_n_says_nothing_of_a_contig(virnucpro, tmp_path, mini):
    contigs = [(f"c{number}", random_dna(np.random.default_rng(number), 300)) for number in range(4)]
    gapped = [(name, letters + "N" * 8700) for name, letters in contigs]
    for name, records in (("plain", contigs), ("gapped", gapped)):
        fasta = write_fasta(tmp_path / f"{name}.fna", records)
        assert virnucpro("predict", fasta, "-o", tmp_path / name, "--window", "300")[0] == 0
    for plain, gap in zip(called(tmp_path / "plain"), called(tmp_path / "gapped"), strict=True):
        assert (int(plain["length"]), int(gap["length"]), gap["n_scored"]) == (300, 9000, "1")
        assert [plain[key] for key in ("virus_score", "call", "fdr")] == [
            gap[key] for key in ("virus_score", "call", "fdr")
        ]


def test_calls_do_not_depend_on_company_order_or_parts(virnucpro, tmp_path, mini):
    generator = np.random.default_rng(7)
    records = [(f"r{i}", random_dna(generator, int(generator.integers(100, 5000)))) for i in range(20)]
    assert virnucpro("predict", write_fasta(tmp_path / "a.fna", records), "-o", tmp_path / "a")[0] == 0
    turned = write_fasta(tmp_path / "b.fna", records[::-1])
    assert virnucpro("predict", turned, "-o", tmp_path / "b", "--part-windows", "3", "--max-tokens", "1500")[0] == 0
    for row, other in zip(called(tmp_path / "a"), called(tmp_path / "b")[::-1], strict=True):
        assert (row.pop("sample"), other.pop("sample")) == ("a", "b")
        for name in ("virus_score", "threshold", "margin", "fdr"):
            assert abs(float(row.pop(name)) - float(other.pop(name))) <= 1e-5
        assert row == other


def test_class_scores_add_up(virnucpro, tmp_path, contigs, mini):
    assert virnucpro("predict", contigs, "-o", tmp_path / "out", "--class-scores")[0] == 0
    for row in called(tmp_path / "out"):
        scores = [value for name, value in row.items() if name.startswith("score_")]
        assert len(scores) == 7
        if row["status"] == "scored":
            assert sum(map(float, scores)) == pytest.approx(1, abs=1e-5)


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
def test_what_cannot_be_is_refused_before_any_work(virnucpro, tmp_path, contigs, mini, options, told, monkeypatch):
    monkeypatch.setattr("virnucpro.runs.engine.examine", lambda *_: pytest.fail("an input was read"))
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", *options)
    assert code == 2
    assert told in err


@pytest.mark.parametrize("options", [("--prior", "0.1"), ("--conservative",)])
def test_a_classifier_without_calibration_has_neither_levels_nor_priors(virnucpro, tmp_path, contigs, models, options):
    plain = models / "classifier.safetensors"
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out", "--classifier", plain, *options)
    assert code == 2
    assert "not calibrated" in err


def test_an_installation_without_it_says_so(virnucpro, tmp_path, contigs, monkeypatch):
    for module in ("virnucpro.models.packaged", "virnucpro.features.classifier"):
        monkeypatch.setattr(f"{module}.PACKAGED_FOLDER", tmp_path / "absent")
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out")
    assert code == 4
    assert "the weights of mini are not in this installation" in err
    assert "--classifier FILE" in err
    code, out, _ = virnucpro("models")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert "not here" in lines["mini"]


def test_mini_embeds_by_name(virnucpro, tmp_path, mini):
    fasta = write_fasta(tmp_path / "d.fna", [("d", "ACGTTGCA" * 9), ("short", "ACGT"), ("empty", "")])
    code, _, err = virnucpro("embed", fasta, "-o", tmp_path / "out", "--model", "mini")
    assert code == 5, err
    content = torch.load(tmp_path / "out" / "d_MINI.pt", weights_only=True)
    assert content["nucleotide"] == ["d", "short"]
    assert len(content["data"][0]["mean_representation"]) == 24
    manifest = json.loads((tmp_path / "out" / "d_MINI.pt.json").read_text())
    assert manifest["models"]["dna"]["revision"] == open_packaged("mini").revision


def test_a_packaged_model_never_asks_the_hub(virnucpro, tmp_path, mini, monkeypatch):
    monkeypatch.setattr("virnucpro.models.hub._client", lambda *_: pytest.fail("the hub's client was imported"))
    fasta = write_fasta(tmp_path / "d.fna", [("d", "ACGTTGCA" * 20)])
    assert virnucpro("embed", fasta, "-o", tmp_path / "out", "--model", "mini")[0] == 0


def test_standard_input_that_is_closed(virnucpro, tmp_path, mini, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    code, _, err = virnucpro("predict", "-", "-o", tmp_path / "out")
    assert code == 2
    assert "standard input ('-') is closed" in err


def test_weights_that_are_not_the_classifier_s_are_refused(virnucpro, tmp_path, contigs, mini, monkeypatch):
    shutil.copytree(mini, tmp_path / "other" / "mini")
    write_mini(tmp_path / "second", seed=6)
    shutil.copy(tmp_path / "second" / "model.safetensors", tmp_path / "other" / "mini" / "model.safetensors")
    for module in ("virnucpro.models.packaged", "virnucpro.features.classifier"):
        monkeypatch.setattr(f"{module}.PACKAGED_FOLDER", tmp_path / "other")
    code, _, err = virnucpro("predict", contigs, "-o", tmp_path / "out")
    assert code == 2
    assert "dna encoder" in err


def test_an_encoder_that_the_classifier_does_not_use_is_refused_before_any_input_is_read(virnucpro, tmp_path, mini):
    code, _, err = virnucpro("predict", "-", "-o", tmp_path / "out", "--protein-model", "fastesm2-650")
    assert code == 2
    assert "mini uses no protein model; leave --protein-model out" in err
