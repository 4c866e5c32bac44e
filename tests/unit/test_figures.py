"""Pictures: there, in two formats, the same for the same data."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from virnucpro.writers.figures import Line, draw_calibration, draw_precision_recall, draw_roc, draw_score_histogram

LINES = [
    Line("frames: AUROC 0.9", np.array([0, 0.2, 1]), np.array([0, 0.8, 1])),
    Line("windows", np.zeros(2), np.ones(2)),
]

DRAWN = {
    "roc": lambda: draw_roc(LINES, "a title"),
    "precision_recall": lambda: draw_precision_recall(LINES, 0.4, "a title"),
    "calibration": lambda: draw_calibration(LINES, "a title"),
    "score_histogram": lambda: draw_score_histogram(np.linspace(0, 1, 50), np.zeros(0), "a title"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_pictures_in_both_formats(name):
    picture = DRAWN[name]()
    assert picture.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture.png) > 5000
    assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
    again = DRAWN[name]()
    assert (again.svg, again.png) == (picture.svg, picture.png)
    of_classes = name == "score_histogram"  # vermillion is virus and blue is host, and nothing else is
    assert (b"#d55e00" in picture.svg, b"#0072b2" in picture.svg) == (of_classes, of_classes)
