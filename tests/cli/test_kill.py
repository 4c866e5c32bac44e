"""Killed at random moments and started again: the same bytes as an undisturbed run, nothing lost, nothing stray."""

import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from conftest import random_protein, write_fasta

FILES, RECORDS = 12, 12


def command(tmp_path, outdir):
    files = sorted(str(path) for path in (tmp_path / "in").iterdir())
    return [sys.executable, "-m", "virnucpro", "embed", *files, "-o", str(outdir), "--model", "demo", "-q", "-t", "1"]


def contents(folder):
    """Every file and its bytes; of the failure log, what failed (its lines also hold the time)."""
    result = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        if path.name == "extraction_failures.log":
            content = {line.split(b" | ", 1)[1] for line in content.splitlines()}
        result[path.name] = content
    return result


@pytest.mark.parametrize("kills", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_and_restarted(tmp_path, kills):
    generator = np.random.default_rng(8)
    (tmp_path / "in").mkdir()
    for number in range(FILES * (1 if kills < 10 else 10)):
        records = [(f"p{i}", random_protein(generator, int(generator.integers(1, 400)))) for i in range(RECORDS)]
        write_fasta(tmp_path / "in" / f"f{number:03}.faa", [*records, ("empty", "*")])
    started = time.monotonic()
    undisturbed = subprocess.run(command(tmp_path, tmp_path / "whole"), check=False, stderr=subprocess.PIPE)
    duration = time.monotonic() - started
    assert undisturbed.returncode == 5

    whole, killed = contents(tmp_path / "whole"), tmp_path / "killed"
    moments, count, completed = random.Random(kills), 0, 0
    while count < kills:
        run = subprocess.Popen(command(tmp_path, killed), stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.2, 1.0) * duration)
        run.send_signal(signal.SIGKILL)
        if run.wait() == -signal.SIGKILL:
            count += 1
        else:  # it was faster: that is one more completed run to compare, and the next begins from nothing
            completed += 1
            assert contents(killed) == whole
            shutil.rmtree(killed)
    finished = subprocess.run(command(tmp_path, killed), check=False, stderr=subprocess.PIPE)
    print(f"{count} kills, {completed + 1} completed runs, {duration:.1f} s undisturbed")
    assert finished.returncode == 5
    assert contents(killed) == whole
