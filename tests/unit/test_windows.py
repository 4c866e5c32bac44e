import numpy as np
import pytest

from virnucpro import ConfigError
from virnucpro.records import Record
from virnucpro.sequences.windows import Outcome, WindowTable, plan_windows, plan_windows_of_many

WORKED = [  # from a run of the original
    (174, 500, [(0, 174)]),
    (501, 500, [(0, 500), (250, 501)]),
    (999, 500, [(0, 500), (499, 999)]),
    (1000, 500, [(0, 500), (500, 1000)]),
    (1001, 500, [(0, 500), (333, 833), (666, 1001)]),
    (2600, 500, [(0, 500), (433, 933), (866, 1366), (1299, 1799), (1732, 2232), (2165, 2600)]),
    (901, 300, [(0, 300), (225, 525), (450, 750), (675, 901)]),
]


@pytest.mark.parametrize(("length", "window", "expected"), WORKED)
def test_worked_examples(length, window, expected):
    plan = plan_windows(length, window)
    assert plan.dtype == np.int64
    assert [tuple(row) for row in plan.tolist()] == expected


def steps_as_the_original_lists_them(n, w):
    k = -(-n // w)
    surplus = k * w - n
    low = surplus // k
    need = surplus - low * (k - 1)
    steps = ([low + 1] * need + [low] * (k - 1 - need) + [0])[:k]
    starts = [j * w - sum(steps[:j]) for j in range(k)]
    return [(start, min(start + w, n)) for start in starts]


@pytest.mark.parametrize("window", [1, 2, 3, 7, 30])
def test_every_length_as_the_original_lists_its_steps(window):
    for length in range(1, 200):
        plan = [tuple(row) for row in plan_windows(length, window).tolist()]
        assert plan == steps_as_the_original_lists_them(length, window)
        covered = {base for start, end in plan for base in range(start, end)}
        assert covered == set(range(length))
        assert all(start < end for start, end in plan)


def test_nothing_has_no_window():
    assert plan_windows(0, 500).shape == (0, 2)
    assert len(plan_windows_of_many([], 500)) == 0


def test_many_sequences_are_each_cut_alone():
    lengths = [length for length, window, _ in WORKED if window == 500]
    lengths.insert(2, 0)
    plan = plan_windows_of_many(lengths, 500)
    for row, length in enumerate(lengths):
        mine = plan.record_rows == row
        assert np.stack((plan.starts[mine], plan.ends[mine]), axis=1).tolist() == plan_windows(length, 500).tolist()
        assert plan.numbers[mine].tolist() == list(range(1, mine.sum() + 1))
    assert plan.record_rows.tolist() == sorted(plan.record_rows.tolist())


@pytest.mark.parametrize("window", [0, -300])
def test_a_window_needs_bases(window):
    with pytest.raises(ConfigError, match=f"not {window}"):
        plan_windows(10, window)


def test_a_length_is_not_negative():
    with pytest.raises(ConfigError, match="-3 bases"):
        plan_windows_of_many([5, -3], 500)


def test_rows_name_their_record_whatever_its_id():
    records = (Record(7, "same first", ""), Record(8, "same second", "A" * 5), Record(9, "same", "A" * 3))
    outcomes = np.array([Outcome.FRAMES, Outcome.NO_OPEN_FRAME, Outcome.TOO_SHORT], np.uint8)
    table = WindowTable(records, plan_windows_of_many([0, 5, 3], 4), outcomes)
    rows = [(w.record_number, w.id, w.number, w.start, w.end, w.outcome.word) for w in table]
    assert rows == [
        (8, "same_chunk_1", 1, 0, 4, "frames"),
        (8, "same_chunk_2", 2, 2, 5, "no_open_frame"),
        (9, "same_chunk_1", 1, 0, 3, "too_short"),
    ]
    assert len(table) == 3
    assert table.counts() == {"frames": 1, "no_open_frame": 1, "too_short": 1, "ambiguous": 0}
