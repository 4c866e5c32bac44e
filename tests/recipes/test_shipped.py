"""The files in the package: those of the card, small, and fit for what the package reads."""

import csv
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

import virnucpro
from recipes.mini.export import FILES, read_exported, sha256_of
from virnucpro import load_classifier
from virnucpro.cli.main import run
from virnucpro.models.mini import CLASSES, both_strands
from virnucpro.scoring.calibration import LEVELS, Calibration

FOLDER = Path(virnucpro.__file__).parent / "data" / "mini"
MEGABYTES = 12


@pytest.fixture(scope="module")
def shipped():
    return read_exported(FOLDER)


def test_the_card_names_the_digest_of_the_files():
    card = (FOLDER / "MODEL_CARD.md").read_text()
    assert sha256_of(FOLDER) in card
    assert "python -m recipes.mini" in card


def test_the_files_are_small():
    assert sum((FOLDER / name).stat().st_size for name in FILES) < MEGABYTES * 1e6
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, "MODEL_CARD.md"}


def test_a_window_and_its_reverse_complement_have_one_score(shipped, windows):
    turned = both_strands(*windows)[len(windows[0]) :].to(torch.uint8)
    assert torch.equal(shipped(turned, windows[1]), shipped(*windows))


def test_the_classifier_has_all_classes_and_levels():
    classifier = load_classifier("mini")
    assert classifier.classes == CLASSES
    assert classifier.spec.windows_bp == (100, 3000)
    calibration = Calibration.from_dict(classifier.calibration)
    knots = calibration.record.lengths
    assert knots[0] == 100
    assert set(calibration.thresholds) == set(LEVELS)
    assert min(min(rates) for rates in calibration.operating.fpr) > 0  # so that no FDR is 0


def test_every_read_is_called_without_any_choice_or_network(tmp_path, monkeypatch):
    def no_network(*_args, **_settings):
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    random = np.random.default_rng(3)
    reads = {f"r{length}": "".join(random.choice(list("ACGT"), length)) for length in (100, 150, 501, 3000, 9210)}
    (tmp_path / "reads.fa").write_text("".join(f">{name}\n{letters}\n" for name, letters in reads.items()))
    assert run(["predict", str(tmp_path / "reads.fa"), "-o", str(tmp_path / "out"), "-q"]) == 0
    with (tmp_path / "out" / "calls.tsv").open() as file:
        calls = list(csv.DictReader(file, delimiter="\t"))
    assert [row["record"] for row in calls] == list(reads)
    assert {row["status"] for row in calls} == {"scored"}
