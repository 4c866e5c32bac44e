"""Warnings of calls: a closed set of words, each for one thing."""

from dataclasses import replace

import numpy as np

from called_records import RULE, called_records
from virnucpro.records import Record
from virnucpro.scoring.call_warnings import WARNINGS, warn_of
from virnucpro.verbs.window_rows import ambiguous_letters

VIRAL, HOST = (0.99, 8.0), (0.01, -8.0)


def words(called, viral_classes=()):
    ambiguous = np.array([ambiguous_letters(record) for record in called.records])
    found = warn_of(called.calls, called.scored, called.windows, called.regions, viral_classes, ambiguous)
    return [text.split(";") if text else [] for text in found]


def windows(*rows, record=0, bp=1000):
    return [(record, bp * n, bp * (n + 1), (row,) if row else ()) for n, row in enumerate(rows)]


def test_each_word_has_its_reason():
    called = called_records(
        [("short", "A" * 400), ("gap", "A" * 3000), ("mixed", "A" * 4000), ("sure", "A" * 4000), ("empty", "")],
        (0, 0, 400, (VIRAL,)), *windows(VIRAL, None, VIRAL, record=1), *windows(VIRAL, VIRAL, VIRAL, HOST, record=2),
        *windows(*[HOST] * 4, record=3),
    )  # fmt: skip
    assert words(called) == [["short"], ["partly_scored"], ["mixed_windows"], [], []]


def test_many_ambiguous_letters():
    letters = {"masked": "acgu" * 250, "few": "A" * 901 + "N" * 99, "many": "A" * 900 + "nNRYrykx-*" * 10}
    called = called_records(list(letters.items()), *(window for n in range(3) for window in windows(VIRAL, record=n)))
    assert words(called) == [[], [], ["ambiguous_letters"]]
    assert ambiguous_letters(Record(1, "a", "AC GT\nN\té")) == 2


def test_a_score_near_its_threshold():
    called = called_records([("near", "A" * 1000)], *windows(VIRAL))
    for step, wanted in ((0.6, True), (-0.6, True), (0.8, False), (-0.8, False)):
        raised = replace(called.calls, margin=np.array([step]))
        assert (["near_threshold"] in words(replace(called, calls=raised))) is wanted
    without = called_records([("near", "A" * 1000)], *windows((0.52, 0.0)), rule=replace(RULE, calibration=None))
    assert words(without) == [["near_threshold"]]


def test_a_class_of_the_other_side():
    called = called_records([("a", "A" * 1000), ("b", "A" * 1000)], *windows(VIRAL), *windows(HOST, record=1))
    object.__setattr__(called.calls, "classes", np.array([[0.1, 0.9], [0.1, 0.9]]))
    assert words(called, (True, False)) == [["class_disagrees"], []]
    assert words(called, (False, True)) == [[], ["class_disagrees"]]


def test_a_provirus_is_told_of():
    called = called_records([("l", "A" * 30_000)], *windows(*[HOST] * 10, *[VIRAL] * 5, *[HOST] * 15))
    assert words(called) == [["has_provirus"]]


def test_words_are_documented():
    assert list(WARNINGS) == [
        "short", "ambiguous_letters", "partly_scored", "near_threshold", "mixed_windows", "class_disagrees", "has_provirus",
    ]  # fmt: skip
