"""The sums behind the tables of docs/performance.md."""

import json
import math

import pytest

from benchmarks.pairs import Interval
from benchmarks.race import work
from benchmarks.sitting import Sitting, UnsteadyError, read_rows
from benchmarks.table import is_sound, page_part
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


class TestSitting:
    def test_an_interrupted_one_continues(self, tmp_path):
        log = tmp_path / "cpu.jsonl"
        Sitting(log, "cpu", fresh=False).add("startup", [{"seconds": 1}])
        again = Sitting(log, "cpu", fresh=False)
        assert again.parts == {"startup"}
        again.add("loading", [{"seconds": 2}])
        assert [row["part"] for row in read_rows(log)] == ["startup", "loading"]
        assert len({row["sitting"] for row in read_rows(log)}) == 1
        assert Sitting(log, "cpu", fresh=True).parts == set()

    @pytest.mark.parametrize("key", ["machine", "versions", "hardware"])
    def test_one_of_another_machine_does_not(self, tmp_path, key):
        log = tmp_path / "cpu.jsonl"
        Sitting(log, "cpu", fresh=False).add("startup", [{"seconds": 1}])
        log.write_text(json.dumps(read_rows(log)[0] | {key: "another"}) + "\n")
        assert Sitting(log, "cpu", fresh=False).parts == set()

    def test_a_finished_or_old_one_does_not(self, tmp_path):
        log = tmp_path / "cpu.jsonl"
        Sitting(log, "cpu", fresh=False).add("end", [{}])
        assert Sitting(log, "cpu", fresh=False).parts == set()
        log.write_text(json.dumps(read_rows(log)[0] | {"part": "x", "sitting": "2026-01-01T00:00:00+00:00"}) + "\n")
        assert Sitting(log, "cpu", fresh=False).parts == set()

    def test_one_in_which_the_machine_changed_its_speed_is_thrown_away(self, tmp_path):
        log = tmp_path / "cpu.jsonl"
        sitting = Sitting(log, "cpu", fresh=False)
        sitting.add_peak(1e12)
        sitting.add_peak(1.19e12)
        with pytest.raises(UnsteadyError, match="between 990 and 1190 GFLOP/s"):
            sitting.add_peak(0.99e12)
        assert not log.exists()


def test_tables_come_from_a_finished_sitting_only(tmp_path):
    sitting = Sitting(tmp_path / "cpu.jsonl", "cpu", fresh=False)
    sitting.add_peak(1e12)
    seconds = [1.0, 1.1, 1.2, 0.9, 1.0]
    sitting.add("loading", [{"engine": "virnucpro", "seconds": seconds, "memory_gb": 1.5}])
    assert page_part("cpu", sitting.rows) == "Not measured."
    sitting.add("end", [{}])
    page = page_part("cpu", sitting.rows)
    assert "| virnucpro | 1.00 | 1.33 | 1.50 GB |" in page
    assert "matrix peak 1,000 to 1,000 GFLOP/s" in page
    assert "| 650M from a file in the page cache in at most 3 s | 1.00 s (0.90 s to 1.20 s, n = 5) | met |" in page
    assert "### Growth" not in page
