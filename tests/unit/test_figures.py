"""Figures: there, in two formats, the same for the same data; counts and intervals in them."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from virnucpro.evaluation.evaluate import evaluate_by_length, evaluate_units
from virnucpro.evaluation.levels import ScoredUnits
from virnucpro.writers.figures import draw_comparison, draw_evaluation

NAMES = {"roc", "precision_recall", "calibration", "score_histogram"}


@pytest.fixture(scope="module")
def units():
    generator = np.random.default_rng(0)
    labels = np.tile([0, 1], 100)
    scores = np.clip(generator.normal(0.35 + 0.3 * labels, 0.2), 0, 1)
    lengths = np.repeat([150, 500, 1000, 5000], 50)
    return ScoredUnits("window", labels, scores, np.arange(200), lengths, {"default": scores >= 0.5})


@pytest.fixture(scope="module")
def measured(units):
    overall = [evaluate_units(replace(units, unit=unit), 20, 1) for unit in ("orf", "window", "record")]
    by_length = [evaluate_by_length(replace(units, unit=unit), 20, 1) for unit in ("window", "record")]
    return overall, by_length


def text_of(picture):
    """Text of an SVG, which matplotlib draws as shapes and names in comments."""
    comments = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    tree = ElementTree.fromstring(picture.svg, comments)
    return "\n".join(element.text for element in tree.iter() if element.tag is ElementTree.Comment)


def test_figures_in_both_formats(units, measured):
    drawn, again = (draw_evaluation("own.safetensors, other records", units, *measured) for _ in range(2))
    assert set(drawn) == NAMES | {"recall_by_length"}
    for name, picture in drawn.items():
        assert picture.png.startswith(b"\x89PNG\r\n\x1a\n")
        assert int.from_bytes(picture.png[16:20], "big") >= 1440  # 4.8 inches at 300 dpi
        assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
        assert (again[name].svg, again[name].png) == (picture.svg, picture.png)
        assert "own.safetensors, other records" in text_of(picture)
        of_classes = name == "score_histogram"  # vermillion is viral and blue is non-viral, and nothing else is
        assert (b"#d55e00" in picture.svg, b"#0072b2" in picture.svg) == (of_classes, of_classes)


def test_figures_say_how_many_sequences_they_show(units, measured):
    drawn = draw_evaluation("t", units, *measured)
    for name in ("roc", "precision_recall", "calibration"):
        assert "records (n = 100 + 100)" in text_of(drawn[name])
    assert "non-viral (n = 100)" in text_of(drawn["score_histogram"])
    by_length = text_of(drawn["recall_by_length"])
    assert "viral + non-viral records" in by_length
    assert by_length.count("25 +") == 2 * 4  # bins of windows and of records


def test_no_figure_by_length_without_lengths(units, measured):
    assert set(draw_evaluation("t", units, measured[0], [[], []])) == NAMES


def test_classifiers_are_compared_by_their_windows(measured):
    drawn = draw_comparison([("a", measured[0][1]), ("b", measured[0][1])])
    assert set(drawn) == {"roc", "precision_recall"}
    assert "b (n = 100 + 100)" in text_of(drawn["roc"])
