"""The failure log: each failure once, on one line, whoever writes it."""

import errno
import os
import subprocess
import sys

import pytest

from virnucpro import StoreError
from virnucpro.records import Failure
from virnucpro.runs.failures import FAILURE_LOG, replace_failures


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_failure_log_has_one_line_per_failure(tmp_path):
    replace_failures(tmp_path / "out", "x.faa", [])
    assert not (tmp_path / "out").exists()
    replace_failures(tmp_path / "out", "x.faa", [Failure(3, "gi|7", "OutOfMemory", "does\nnot fit")])
    replace_failures(tmp_path / "out", "y | z\n.faa", [Failure(0, "-", "InputError", "bad\x1b[2J\u202e" + "x" * 999)])
    lines = (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
    first, second = [line.split(" | ")[1:] for line in lines]
    assert first == ["x.faa", "gi\\x7c7", "OutOfMemory", "does\\nnot fit"]
    assert second[:3] == ["y \\x7c z\\n.faa", "-", "InputError"]
    assert second[3].startswith("bad\\x1b[2J\\u202exxx")
    assert len(second[3]) == 500
    assert lines[0].startswith("20")


def test_files_whose_names_begin_alike_keep_their_own_lines(tmp_path):
    for file in ("x", "x | y", "x.faa"):
        replace_failures(tmp_path, file, failures_of(file[-1]))
    replace_failures(tmp_path, "x", [])
    assert logged(tmp_path) == [["x \\x7c y", "y"], ["x.faa", "a"]]


def test_a_link_is_neither_read_nor_written(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FAILURE_LOG).symlink_to(victim)
    replace_failures(tmp_path / "out", "x.faa", failures_of("a"))
    assert logged(tmp_path / "out") == [["x.faa", "a"]]
    assert victim.read_text() == "precious\n"


def logged(folder):
    return [line.split(" | ")[1:3] for line in (folder / FAILURE_LOG).read_text().splitlines()]


def failures_of(*ids):
    return [Failure(number, id_, "EmptySequence", "empty") for number, id_ in enumerate(ids, start=1)]


def test_the_failure_log_holds_each_failure_of_a_file_once(tmp_path):
    """Replaced where they stood; a file that has none any more leaves no line, and the last one takes the log along."""
    replace_failures(tmp_path, "x.faa", failures_of("a", "b"))
    replace_failures(tmp_path, "y.faa", failures_of("c"))
    replace_failures(tmp_path, "x.faa", failures_of("a"))
    assert logged(tmp_path) == [["x.faa", "a"], ["y.faa", "c"]]
    replace_failures(tmp_path, "x.faa", [])
    assert logged(tmp_path) == [["y.faa", "c"]]
    replace_failures(tmp_path, "y.faa", [])
    assert names(tmp_path) == []


def test_an_unfinished_last_line_is_not_glued_to(tmp_path):
    (tmp_path / FAILURE_LOG).write_text("2026 | x.faa | a | Empt")
    replace_failures(tmp_path, "y.faa", failures_of("c"))
    assert logged(tmp_path) == [["x.faa", "a"], ["y.faa", "c"]]


def test_a_log_that_cannot_be_written_is_as_before(tmp_path, monkeypatch):
    replace_failures(tmp_path, "x.faa", failures_of("a"))
    before = (tmp_path / FAILURE_LOG).read_bytes()

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"extraction_failures\.log.*No space left"):
        replace_failures(tmp_path, "y.faa", failures_of("b"))
    assert (tmp_path / FAILURE_LOG).read_bytes() == before
    assert names(tmp_path) == [FAILURE_LOG]


def test_runs_that_share_a_folder_lose_no_failure(tmp_path):
    script = """
import sys
from pathlib import Path
from virnucpro.records import Failure
from virnucpro.runs.failures import replace_failures
for number in range(20):
    replace_failures(Path(sys.argv[1]), f"{sys.argv[2]}{number}", [Failure(1, "a", "EmptySequence", "empty")])
"""
    runs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in "xyz"]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert sorted(logged(tmp_path)) == sorted([f"{name}{n}", "a"] for name in "xyz" for n in range(20))
