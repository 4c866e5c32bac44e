"""The report of `make gpu-report`: every line of its sections on tiny shapes, failures, time limits, verdicts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu_report.isolation import isolated
from benchmarks.gpu_report.page import page, verdicts
from benchmarks.gpu_report.paired import Timing

ROOT = Path(__file__).parents[2]


def test_ratios_are_of_neighbours():
    own, other = Timing([1.0, 2.0, 3.0], [10.0, 10.0, 10.0]), Timing([2.0, 6.0, 6.0], [1.0, 1.0, 1.0])
    assert own.times_as_fast_as(other) == 2
    assert own.rate(10) == 5
    assert own.share(20) == 1


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


def test_verdicts():
    rows = [
        {"section": "proteins", "contestant": "virnucpro, fp16", "tokens_per_s": 260_000, "mfu": 0.44},
        {"section": "proteins", "contestant": "transformers sdpa sorted, fp16", "tokens_per_s": 1, "mfu": 0.9},
        {"section": "proteins", "contestant": "budget, fp16", "tokens_per_s": 1, "mfu": 0.5},
        {"section": "parity", "sound": False},
    ]
    told = {name: (figure, verdict) for name, figure, verdict in verdicts(rows)}
    assert told["650M, fp16, pooled, mean length 350: at least 250,000 real tokens/s"] == ("260,000/s", "met")
    assert told["the same: at least 45 % of the peak of matrix products"] == ("44.0%", "MISSED")
    assert told["650M at the best budget: at least 45 % of the peak"] == ("50.0%", "met")
    assert told["parity and memory: rows that are not sound"] == ("1", "MISSED")
    assert told["mini: at least 1,000,000 reads of 150 bp a minute"] == ("", "not measured")


@pytest.mark.slow
def test_every_section_runs(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu_report", "--device", "cpu", "--tiny", "--out", str(tmp_path)]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths})
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["ended"] for row in rows if "ended" in row} == {"done"}
    assert all(row["code"] in (0, 5) for row in rows if "code" in row)
    assert "not measured" not in (tmp_path / "page.md").read_text()
