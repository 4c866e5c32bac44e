"""Killed and started again: the same bytes as an undisturbed run, nothing lost, nothing stray.

Once at every call that makes something lasting, and at random moments.
"""

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


def command(tmp_path, model, outdir):
    files = sorted(str(path) for path in (tmp_path / "in").iterdir())
    return [sys.executable, "-m", "virnucpro", "embed", *files, "-o", str(outdir), "--model", model, "-q", "-t", "1"]


def contents(folder):
    """Every file and its bytes; of the failure log, its lines without the time."""
    result = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        if path.name == "extraction_failures.log":
            content = [line.split(b" | ", 1)[1] for line in content.splitlines()]
        result[path.name] = content
    return result


@pytest.mark.parametrize("kills", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_and_restarted(tmp_path, models, kills):
    model = str(models / "protein")
    generator = np.random.default_rng(8)
    (tmp_path / "in").mkdir()
    for number in range(FILES * (1 if kills < 10 else 10)):
        records = [(f"p{i}", random_protein(generator, int(generator.integers(1, 400)))) for i in range(RECORDS)]
        write_fasta(tmp_path / "in" / f"f{number:03}.faa", [*records, ("empty", "*")])
    started = time.monotonic()
    undisturbed = subprocess.run(command(tmp_path, model, tmp_path / "whole"), check=False, stderr=subprocess.PIPE)
    duration = time.monotonic() - started
    assert undisturbed.returncode == 5

    results = [path.stat().st_mtime for path in (tmp_path / "whole").glob("*.pt")]
    writing = max(results) - min(results)
    whole, killed = contents(tmp_path / "whole"), tmp_path / "killed"
    moments, count, completed = random.Random(kills), 0, 0
    while count < kills:
        run = subprocess.Popen(command(tmp_path, model, killed), stderr=subprocess.DEVNULL)
        while run.poll() is None and not list(killed.glob("*.pt")):
            time.sleep(0.01)  # from the first result on: before it, there is little to break
        time.sleep(moments.uniform(0, 1) * writing)
        run.send_signal(signal.SIGKILL)
        if run.wait() == -signal.SIGKILL:
            count += 1
        else:  # it was faster: that is one more completed run to compare, and the next begins from nothing
            completed += 1
            assert contents(killed) == whole
            shutil.rmtree(killed)
    finished = subprocess.run(command(tmp_path, model, killed), check=False, stderr=subprocess.PIPE)
    print(f"{count} kills, {completed + 1} completed runs, {duration:.1f} s undisturbed")
    assert finished.returncode == 5
    assert contents(killed) == whole


EVERY_CALL = """
import fcntl, os, shutil, signal, sys
import torch
from pathlib import Path
from virnucpro.cli.main import run
import virnucpro.cli.main, virnucpro.models.encoders, virnucpro.models.hub, virnucpro.verbs.embed_run

folder, model, old = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
command = ["embed", str(folder / "a.faa"), str(folder / "bad.faa"), "--model", model,
           "--dtype", "fp32", "-q", "-t", "1", *(["--overwrite"] if old else [])]


def forked(outdir, kill_at=None, more=()):
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    if kill_at is not None:
        left = [kill_at]
        calls = ((fcntl, "flock"), (torch, "save"), (os, "fsync"), (Path, "replace"), (Path, "unlink"))
        for owner, name in calls:  # from the first two on, a file is there and empty
            def counted(*given, real=getattr(owner, name), **named):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*given, **named)
            setattr(owner, name, counted)
    os._exit(run([*command, "-o", str(outdir), *more]))


run([*command, "-o", str(folder / "whole")])  # in the parent, which then has imported everything
if old:
    forked(folder / "old", more=("--max-residues", "9"))
n = 0
while True:
    outdir = folder / f"killed{n:03}"
    if old:
        shutil.copytree(folder / "old", outdir)
    killed = forked(outdir, n)
    forked(outdir)
    if not os.WIFSIGNALED(killed):
        break
    n += 1
"""


@pytest.mark.parametrize(
    "old", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["from nothing", "over older results"]
)
def test_killed_at_every_call_that_makes_something_lasting(tmp_path, models, old):
    generator = np.random.default_rng(8)
    records = [(f"p{i}", random_protein(generator, 50)) for i in range(3)]
    write_fasta(tmp_path / "a.faa", [*records, ("empty", "*")])
    write_fasta(tmp_path / "bad.faa", [("empty", "*")])
    arguments = [str(tmp_path), str(models / "protein"), *(["old"] if old else [])]
    script = [sys.executable, "-W", "ignore", "-c", EVERY_CALL, *arguments]
    subprocess.run(script, check=True, stderr=subprocess.DEVNULL)
    whole, runs = contents(tmp_path / "whole"), sorted(tmp_path.glob("killed*"))
    assert len(whole) == 3
    assert len(runs) > 10
    for run in runs:
        assert contents(run) == whole, f"killed at call {run.name}"
