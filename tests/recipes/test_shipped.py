"""The files in the package: those of the card, small, and fit for what the package reads."""

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import virnucpro
from recipes.mini.calibration import LEVELS
from recipes.mini.export import FILES, sha256_of
from virnucpro.models.mini import CLASSES, both_strands, load_mini

FOLDER = Path(virnucpro.__file__).parent / "data" / "mini"
MEGABYTES = 12


@pytest.fixture(scope="module")
def shipped():
    return load_mini(FOLDER)


def test_the_card_names_the_digest_of_the_files():
    card = (FOLDER / "MODEL_CARD.md").read_text()
    assert sha256_of(FOLDER) in card
    assert "python -m recipes.mini" in card


def test_the_files_are_small():
    assert sum((FOLDER / name).stat().st_size for name in FILES) < MEGABYTES * 1e6
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, "MODEL_CARD.md"}


def test_the_config_is_that_of_the_weights(shipped):
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["classes"] == list(CLASSES)
    assert {name: config[name] for name in shipped.config.to_dict()} == shipped.config.to_dict()


def test_a_window_and_its_reverse_complement_have_one_score(shipped, windows):
    turned = both_strands(*windows)[len(windows[0]) :].to(torch.uint8)
    assert torch.equal(shipped(turned, windows[1]), shipped(*windows))


def test_calibration_is_ordered_finite_and_monotone():
    found = json.loads((FOLDER / "calibration.json").read_text())
    knots = found["record"]["lengths"]
    assert all(first < second for first, second in pairwise(knots))
    assert len(found["operating"]["fpr"]) == len(found["operating"]["tpr"]) == len(knots)
    for level in LEVELS:
        assert len(found["thresholds"][level]) == len(knots)
        assert all(map(math.isfinite, found["thresholds"][level]))
    careful, usual, relaxed = (found["thresholds"][level] for level in ("conservative", "default", "relaxed"))
    assert all(a >= b >= c for a, b, c in zip(careful, usual, relaxed, strict=True))
    assert min(found["window"]["slope"]) > 0
