"""The sums behind the tables of docs/performance.md."""

import json
import math

import pytest

from benchmarks.pairs import Interval
from benchmarks.race import work
from benchmarks.sitting import Sitting, UnsteadyError, read_rows
from benchmarks.table import BEGIN, END, is_sound, page_part, write_tables
from benchmarks.targets import verdicts


def test_arithmetic_of_a_token():
    """2 per weight: 1.298 GFLOP for the 650M shape, 0.226 for DNABERT-S; attention 0.169 and 0.037 MFLOP per token."""
    lengths = [350, 350]
    assert work(lengths, dna=False) == pytest.approx(700 * (1.298e9 + 0.169e6 * 350), rel=2e-3)
    assert work(lengths, dna=True) == pytest.approx(700 * (0.226e9 + 0.037e6 * 350), rel=5e-3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"complete": False}, False),
        ({"cosine": 0.99}, False),
        ({"dtype": "fp32", "max_abs": 1e-6}, True),
        ({"dtype": "fp32"}, False),
    ],
)
def test_a_fast_row_with_worse_vectors_fails(changes, expected):
    row = {"complete": True, "dtype": "bf16", "cosine": 0.9999, "max_abs": 1e-2}
    assert is_sound(row | changes) is expected


def test_what_was_not_measured_is_said():
    rows = [
        {"part": "startup", "what": "virnucpro --help", "seconds": [0.21] * 5},
        *(
            {"part": "growth", "verb": "predict", "sequences": count, "each": each, "memory_gb": memory}
            for count, each, memory in [
                (1000, [1.0] * 5, 1.0),
                (10_000, [1.04] * 5, 1.15),
                (100_000, [1.0, 1.3, 1.2, 1.05, 1.04], 1.2),
            ]
        ),
    ]
    told = {name: (figure, verdict) for name, figure, verdict in verdicts(rows)}
    assert told["virnucpro --help in under 0.2 s"] == ("0.21 s (0.21 s to 0.21 s, n = 5)", "missed")
    assert told["predict, 10 times 1,000 sequences: time each within 10 %"] == ("+4% (+4% to +4%, n = 5)", "met")
    hundred = told["predict, 100 times 1,000 sequences: time each within 10 %"]
    assert hundred == ("+5% (+0% to +30%, n = 5)", "undecided")
    assert told["predict, from one full part on: memory within 10 %"] == ("+4%", "met")
    assert told["650M, equal lengths: at least 70 % of the bf16 matrix peak"] == ("", "not measured")


@pytest.mark.parametrize("count", [4, 5, 7, 8, 11, 20])
def test_an_interval_leaves_out_what_the_sign_test_allows(count):
    """It holds the median of any distribution in at least nine of ten cases; that of four pairs is too short to say."""
    found = Interval.of(list(range(1, count + 1)))
    left_out = int(found.low) - 1
    assert found.high == count - left_out
    chance = [sum(math.comb(count, k) for k in range(n + 1)) / 2 ** (count - 1) for n in (left_out, left_out + 1)]
    assert count < 5 or chance[0] <= 0.1 < chance[1]
    assert found.verdict(lambda x: x > 0) == ("met" if count >= 5 else "too few pairs")


def test_pairs_share_what_the_machine_did():
    assert Interval.of_ratios([2.0, 20.0, 4.0, 2.2, 2.0], [1.0, 10.0, 2.0, 1.1, 1.0]) == Interval(2.0, 2.0, 2.0, 5)


LONG_AGO = "2026-01-01T00:00:00+00:00"


def change_rows(log, changes):
    log.write_text("".join(json.dumps(row | changes) + "\n" for row in read_rows(log)))


def finished_log(folder):
    log = folder / "cpu.jsonl"
    sitting = Sitting(log, "cpu", fresh=False)
    sitting.add_peak(1e12)
    sitting.add("startup", [{"seconds": 1}])
    sitting.finish()
    return log


class TestSitting:
    def test_an_interrupted_one_continues(self, tmp_path):
        log = tmp_path / "cpu.jsonl"
        Sitting(log, "cpu", fresh=False).add("startup", [{"seconds": 1}])
        again = Sitting(log, "cpu", fresh=False)
        assert again.parts == {"startup"}
        again.add("loading", [{"seconds": 2}])
        assert not log.exists()
        again.finish()
        assert [row["part"] for row in read_rows(log)] == ["startup", "loading", "end"]
        assert len({row["sitting"] for row in read_rows(log)}) == 1
        assert [file.name for file in tmp_path.iterdir()] == [log.name]

    def test_a_fresh_one_does_not(self, tmp_path):
        log = tmp_path / "cpu.jsonl"
        Sitting(log, "cpu", fresh=False).add("startup", [{"seconds": 1}])
        assert Sitting(log, "cpu", fresh=True).parts == set()

    @pytest.mark.parametrize("key", ["machine", "versions", "hardware"])
    def test_one_of_another_machine_does_not(self, tmp_path, key):
        log = tmp_path / "cpu.jsonl"
        Sitting(log, "cpu", fresh=False).add("startup", [{"seconds": 1}])
        change_rows(log.with_suffix(".partial"), {key: "another"})
        assert Sitting(log, "cpu", fresh=False).parts == set()

    def test_an_old_one_does_not(self, tmp_path):
        log = tmp_path / "cpu.jsonl"
        Sitting(log, "cpu", fresh=False).add("startup", [{"seconds": 1}])
        change_rows(log.with_suffix(".partial"), {"sitting": LONG_AGO})
        assert Sitting(log, "cpu", fresh=False).parts == set()

    def test_a_finished_one_stays_until_the_next_is_finished(self, tmp_path):
        log = finished_log(tmp_path)
        before = log.read_bytes()
        after = Sitting(log, "cpu", fresh=False)
        assert after.parts == set()
        after.add("loading", [{"seconds": 2}])
        assert log.read_bytes() == before
        after.finish()
        assert [row["part"] for row in read_rows(log)] == ["loading", "end"]

    def test_a_part_is_added_to_a_finished_one(self, tmp_path):
        log = finished_log(tmp_path)
        more = Sitting(log, "cpu", fresh=False, extend=True)
        assert more.parts == {"peak", "startup", "end"}
        more.add("curve", [{"seconds": 3}])
        assert [row["part"] for row in read_rows(log)] == ["peak", "startup", "end", "curve"]
        assert len({row["sitting"] for row in read_rows(log)}) == 1

    @pytest.mark.parametrize("changes", [{"machine": "another"}, {"versions": "0"}, {"sitting": LONG_AGO}])
    def test_no_part_is_added_to_one_of_another_machine_version_or_day(self, tmp_path, changes):
        log = finished_log(tmp_path)
        change_rows(log, changes)
        before = log.read_bytes()
        other = Sitting(log, "cpu", fresh=False, extend=True)
        assert other.parts == set()
        other.add("curve", [{"seconds": 3}])
        assert log.read_bytes() == before
        assert Sitting(log, "cpu", fresh=False).parts == {"curve"}

    def test_what_was_added_is_thrown_away_by_itself(self, tmp_path):
        log = finished_log(tmp_path)
        before = log.read_bytes()
        more = Sitting(log, "cpu", fresh=False, extend=True)
        more.add("curve", [{"seconds": 3}])
        with pytest.raises(UnsteadyError, match="the part just measured is thrown away"):
            more.add_peak(2e12)
        assert log.read_bytes() == before

    def test_one_in_which_the_machine_changed_its_speed_is_thrown_away(self, tmp_path):
        log = tmp_path / "cpu.jsonl"
        sitting = Sitting(log, "cpu", fresh=False)
        sitting.add_peak(1e12)
        sitting.add_peak(1.19e12)
        with pytest.raises(UnsteadyError, match="between 990 and 1190 GFLOP/s"):
            sitting.add_peak(0.99e12)
        assert [file.name for file in tmp_path.iterdir()] == ["cpu.discarded.jsonl"]


def test_tables_of_a_device_without_a_finished_sitting_are_left_alone(tmp_path):
    page, marks = tmp_path / "performance.md", {}
    for device in ("cpu", "cuda"):
        marks[device] = BEGIN.format(device=device), END.format(device=device)
    text = "Before\n" + "".join(f"{begin}\n{device}, older\n{end}\n" for device, (begin, end) in marks.items())
    page.write_text(text)
    sitting = Sitting(tmp_path / "cpu.jsonl", "cpu", fresh=False)
    sitting.add_peak(1e12)
    assert write_tables(page, tmp_path) == {"cpu": False, "cuda": False}
    assert page.read_text() == text
    sitting.finish()
    assert write_tables(page, tmp_path) == {"cpu": True, "cuda": False}
    assert "cpu, older" not in page.read_text()
    assert page.read_text().endswith(f"{marks['cuda'][0]}\ncuda, older\n{marks['cuda'][1]}\n")


def test_tables_of_a_sitting(tmp_path):
    sitting = Sitting(tmp_path / "cpu.jsonl", "cpu", fresh=False)
    sitting.add_peak(1e12)
    seconds = [1.0, 1.1, 1.2, 0.9, 1.0]
    sitting.add("loading", [{"engine": "virnucpro", "seconds": seconds, "memory_gb": 1.5}])
    sitting.finish()
    page = page_part("cpu", sitting.rows)
    assert "| virnucpro | 1.00 | 1.33 | 1.50 GB |" in page
    assert "matrix peak 1,000 to 1,000 GFLOP/s" in page
    assert "| 650M from a file in the page cache in at most 3 s | 1.00 s (0.90 s to 1.20 s, n = 5) | met |" in page
    assert "### Growth" not in page
