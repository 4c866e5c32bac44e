"""The sums behind the tables of docs/performance.md."""

import pytest

from benchmarks.race import work
from benchmarks.table import is_sound
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
        {"part": "startup", "what": "virnucpro --help", "seconds": 0.21},
        {"part": "growth", "verb": "predict", "sequences": 1000, "each": 1.0, "memory_gb": 1.0},
        {"part": "growth", "verb": "predict", "sequences": 20_000, "each": 1.0, "memory_gb": 1.15},
        {"part": "growth", "verb": "predict", "sequences": 200_000, "each": 1.04, "memory_gb": 1.2},
    ]
    told = {name: (figure, verdict) for name, figure, verdict in verdicts(rows)}
    assert told["virnucpro --help in under 0.2 s"] == ("0.21 s", "missed")
    assert told["predict, 200 times 1,000 reads: time each within 5 %"] == ("+4%", "met")
    assert told["predict, 200 times 1,000 reads: memory within 10 %"] == ("+20%", "missed")
    assert told["predict, 10 times 20,000 reads, which are two parts: memory within 10 %"] == ("+4%", "met")
    assert told["650M, equal lengths: at least 60 % of the bf16 matrix peak"] == ("", "not measured")
