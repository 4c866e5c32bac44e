"""Records put together from parts: a missing window is an error, never a record without windows."""

from dataclasses import replace

import numpy as np
import pytest

from virnucpro import StoreError
from virnucpro.records import Record
from virnucpro.runs.parts import ComputedPart
from virnucpro.runs.plan import PartSize
from virnucpro.runs.run import PartInput
from virnucpro.verbs.whole_records import whole_records
from virnucpro.verbs.window_rows import WindowSettings, content

SETTINGS = WindowSettings(100, "window", 1, "even")
RECORDS = [Record(1, "a", "A" * 250), Record(2, "b", "C" * 90), Record(3, "c", "G" * 410)]


def parts():
    """Windows of the three records in parts of two: a a | a b | c c | c c | c."""
    planner = SETTINGS.planner(PartSize(units=2, letters=1000))
    for record in RECORDS:
        planner.add(content(record), len(record.sequence))
    for part in planner.finish([3]).parts:
        given = PartInput(part, RECORDS[part.first_record : part.first_record + part.records])
        rows = np.arange(part.units)
        arrays = {
            "status": np.zeros(part.units, np.uint8), "row_windows": rows, "frames": np.zeros(part.units, np.uint8),
            "scores": np.full((part.units, 2), 0.5, np.float32), "log_odds": np.zeros(part.units),
            "classes": np.empty((part.units, 0), np.float32),
        }  # fmt: skip
        yield given, ComputedPart(arrays)


def test_every_record_has_all_of_its_windows_whatever_the_parts():
    found = [(record, scored) for records, scored in whole_records(parts(), SETTINGS) for record in records]
    assert [record.id for record, _ in found] == ["a", "b", "c"]
    assert sum(len(scored) for _, scored in whole_records(parts(), SETTINGS)) == 3 + 1 + 5


def test_a_missing_part_is_an_error_that_names_the_record():
    with pytest.raises(StoreError, match="record 'c' has 3 windows instead of 5; add --overwrite"):
        list(whole_records([part for part in parts() if part[0].part.number != 4], SETTINGS))


def test_a_part_without_a_window_of_its_own_is_an_error():
    (given, computed), *others = parts()
    short = replace(computed, arrays=dict(computed.arrays, status=np.zeros(1, np.uint8)))
    with pytest.raises(StoreError, match="part 1 holds 1 windows instead of 2"):
        list(whole_records([(given, short), *others], SETTINGS))
