"""The weights in the package: that they are those of the card, small, and at work without any choice or network."""

import csv
import json
import re
import socket

import numpy as np
import torch
from safetensors import safe_open

from recipes.mini.card import CARD, digest_of
from recipes.mini.tokenizer import codon_tokenizer
from virnucpro.cli.main import run
from virnucpro.features.classifier import packaged_classifier
from virnucpro.models.dna_tokens import TOKENIZER_FILE
from virnucpro.models.packaged import MINI_FOLDER
from virnucpro.scoring.calibration import LEVELS, Calibration

MEGABYTES = 12


def test_the_card_names_the_digest_of_the_weights():
    card = (MINI_FOLDER / CARD).read_text()
    assert digest_of(MINI_FOLDER) in card
    assert re.search(r"- commit: [0-9a-f]{7}", card)
    assert "--seed" in card


def test_everything_is_small_and_in_half_precision():
    assert sum(file.stat().st_size for file in MINI_FOLDER.rglob("*") if file.is_file()) < MEGABYTES * 1e6
    for path in MINI_FOLDER.rglob("*.safetensors"):
        with safe_open(path, framework="pt") as opened:
            kinds = {opened.get_tensor(name).dtype for name in opened.keys()}  # noqa: SIM118
        assert kinds <= {torch.float16, torch.int64}, path


def test_the_dna_half_reads_codons():
    assert (MINI_FOLDER / "dna" / TOKENIZER_FILE).read_text() == codon_tokenizer()


def test_the_classifier_is_of_all_windows_and_calibrated():
    classifier = packaged_classifier()
    assert classifier.spec.rows == "longest"
    assert classifier.spec.windows_bp == (100, 1000)
    calibration = Calibration.from_dict(classifier.calibration)
    assert set(calibration.thresholds) == set(LEVELS)


def test_every_read_is_called_without_any_choice_or_network(tmp_path, monkeypatch):
    def no_network(*_args, **_settings):
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    random = np.random.default_rng(3)
    lengths = [30, 99, 100, 150, 500, 501, 1000, 3210]
    reads = {f"r{length}": "".join(random.choice(list("ACGT"), length)) for length in lengths}
    (tmp_path / "reads.fa").write_text("".join(f">{name}\n{letters}\n" for name, letters in reads.items()))
    assert run(["predict", str(tmp_path / "reads.fa"), "-o", str(tmp_path / "out"), "-q"]) == 0
    with (tmp_path / "out" / "calls.tsv").open() as file:
        calls = list(csv.DictReader(file, delimiter="\t"))
    assert [row["name"] for row in calls] == list(reads)
    assert {row["status"] for row in calls} == {"scored"}
    assert all(0 <= float(row[column]) <= 1 for row in calls for column in ("virus_score", "fdr"))
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["classifier"]["name"] == "mini"
