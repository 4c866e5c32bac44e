"""The report of `make gpu-report`: every line of its sections on tiny shapes, failures, time limits, verdicts."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.gpu_report.isolation import isolated
from benchmarks.gpu_report.page import page, verdicts
from benchmarks.gpu_report.paired import Timing
from benchmarks.gpu_report.sections import SECTIONS, time_limit_s
from benchmarks.pairs import Interval

ROOT = Path(__file__).parents[2]


def test_ratios_are_of_neighbours():
    own, other = Timing([1.0, 2.0, 3.0], [10.0, 10.0, 10.0]), Timing([2.0, 6.0, 6.0], [1.0, 1.0, 1.0])
    assert own.times_as_fast_as(other) == Interval(2, 2, 3, 3)
    assert own.rate(12) == Interval(6, 4, 12, 3)
    assert own.share(30) == Interval(1.5, 1, 3, 3)


def run_isolated(rows, folder, limit_s=20.0):
    isolated("name", rows, limit_s, folder / "rows.jsonl", folder / "log.txt")
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def breaks_down():
    yield {"figure": 1}
    raise ValueError("broken | here")


def hangs():
    yield {"figure": 2}
    time.sleep(60)


def crashes():
    yield {"figure": 3}
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("rows", "figure"), [(breaks_down, 1), (hangs, 2), (crashes, 3)])
def test_rows_before_a_failure_stay_and_the_page_says_how_it_ended(tmp_path, rows, figure):
    told = run_isolated(rows, tmp_path, 1.0)
    assert told[0] == {"section": "name", "figure": figure}
    assert told[1]["ended"] == ("stopped after 1 s" if rows is hangs else "failed")
    text = page(told, {"name": "Title"}, "note")
    assert "## Title" in text
    assert ("ValueError: broken | here" in text) is (rows is breaks_down)


def paced(contestant, pace, share, count=5):
    """A row of figures that all repetitions agree on within 1 %."""
    rate, mfu = ({"median": x, "low": 0.99 * x, "high": 1.01 * x, "count": count} for x in (pace, share))
    return {"section": "proteins", "contestant": contestant, "tokens_per_s": rate, "mfu": mfu}


def test_verdicts():
    rows = [
        paced("virnucpro, fp16", 260_000.0, 0.44),
        paced("transformers sdpa sorted, fp16", 1.0, 0.9),
        paced("budget, fp16", 1.0, 0.5, count=2),
        {
            "section": "proteins",
            "ratio": "virnucpro over transformers sdpa sorted, fp16",
            "value": asdict(Interval.of([1.9, 2.1, 2.1, 2.1, 2.1])),
        },
        {"section": "parity", "sound": False},
    ]
    told = {name: (figure, verdict) for name, figure, verdict in verdicts(rows)}
    assert told["650M, fp16, pooled, mean length 350: at least 250,000 real tokens/s"] == (
        "260,000/s (257,400/s to 262,600/s, n = 5)",
        "met",
    )
    assert told["the same: at least 45 % of the peak of matrix products"] == ("44.0% (43.6% to 44.4%, n = 5)", "missed")
    assert told["650M at the best budget: at least 45 % of the peak"] == (
        "50.0% (49.5% to 50.5%, n = 2)",
        "too few pairs",
    )
    assert told["at least 2 times transformers sdpa, sorted, fp16"][1] == "undecided"
    assert told["parity and memory: rows that are not sound"] == ("1", "missed")
    assert told["mini: at least 1,000,000 reads of 150 bp a minute"] == ("", "not measured")


def test_intervals_are_readable_on_the_page():
    text = page([paced("virnucpro, fp16", 260_000.0, 0.44)], {"proteins": "Title"}, "note")
    assert "| virnucpro, fp16 | 260,000 (257,400 to 262,600, n = 5) | 0.44 (0.436 to 0.444, n = 5) |" in text


def test_every_section_gets_its_share_of_the_time():
    """All sections that take whatever they are given still leave the last one its share."""
    left, taken = 115.0, {}
    for number, section in enumerate(SECTIONS):
        taken[section.name] = 15.0 if section.name == "machine" else time_limit_s(section, left, len(SECTIONS) - number)
        left -= taken[section.name]
    assert taken["reads"] == taken["dna"] == taken["proteins"] == taken["flex"] == pytest.approx(10)
    assert time_limit_s(SECTIONS[0], 30, 11) == 30
    names = [section.name for section in SECTIONS]
    assert max(map(names.index, ("tests", "parity", "reads", "dna"))) < names.index("proteins")


@pytest.mark.slow
def test_every_section_runs(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu_report", "--device", "cpu", "--tiny", "--out", str(tmp_path)]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths})
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["ended"] for row in rows if "ended" in row} == {"done"}
    assert all(row["code"] in (0, 5) for row in rows if "code" in row)
    assert "not measured" not in (tmp_path / "page.md").read_text()
