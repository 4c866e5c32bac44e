"""Killed and started again: the same bytes as an undisturbed run, nothing lost, nothing stray.

At random moments, and once at every call that makes something lasting. One process imports everything, and its children
are killed: a run then lasts as long as its work, and most kills meet it.
"""

import subprocess
import sys

import pytest

from conftest import write_fasta
from verb_inputs import VERBS, contents, verb_of

FORKED = """
import fcntl, os, random, shutil, signal, sys, time
import numpy, torch
from pathlib import Path
from virnucpro.cli.main import run

folder, how, count, *command = sys.argv[1:]
folder, count = Path(folder), int(count)


def forked(outdir, kill_at=None, more=()):
    "Run in a child; it kills itself at a call of those that make something lasting."
    child = os.fork()
    if child:
        return child
    if kill_at is not None:
        left = [kill_at]
        calls = (
            (os, "open"), (fcntl, "flock"), (torch, "save"), (numpy, "savez"), (os, "fsync"), (os, "mkdir"),
            (Path, "replace"), (Path, "unlink"), (Path, "rmdir"),
        )
        for owner, name in calls:  # from the first four on, a file is there and empty
            def counted(*given, real=getattr(owner, name), name=name, **named):
                left[0] -= name != "open" or bool(given[1] & os.O_CREAT)
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*given, **named)
            setattr(owner, name, counted)
    os._exit(run([*command, "-o", str(outdir), "-q", *more]))


def ended(child):
    return os.waitpid(child, 0)[1]


overwrite = ["--overwrite"] if how == "over older results" else []
run([*command, "-o", str(folder / "whole"), "-q"])  # in the parent, which then has imported everything
if overwrite:
    ended(forked(folder / "old", more=["--max-residues", "9"] if command[0] == "embed" else ["--min-length", "110"]))
if how == "at random moments":
    started = time.monotonic()
    ended(forked(folder / "again"))
    duration = time.monotonic() - started
    moments, kills, number = random.Random(count), 0, 0
    while kills < count:
        child = forked(folder / f"killed{number:03}")
        time.sleep(moments.uniform(0, duration) / 2)  # half, so that it takes several to reach the end
        os.kill(child, signal.SIGKILL)
        if os.WIFSIGNALED(ended(child)):
            kills += 1
        else:
            number += 1
    ended(forked(folder / f"killed{number:03}"))
    print(f"{kills} kills in {number + 1} runs of {duration:.2f} s")
    sys.exit()
for call in range(10_000):
    outdir = folder / f"killed{call:03}"
    if overwrite:
        shutil.copytree(folder / "old", outdir)
    killed = ended(forked(outdir, call, overwrite))
    ended(forked(outdir, more=overwrite))
    if not os.WIFSIGNALED(killed):
        break
"""


def run_forked(folder, how, count, verb):
    """Run the script above; gives the contents of the undisturbed run and of all others."""
    command = [verb.name, str(verb.input), *verb.options]
    script = [sys.executable, "-W", "ignore", "-c", FORKED, str(folder), how, str(count), *command]
    done = subprocess.run(script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    runs = sorted(folder.glob("killed*"))
    for run in runs:
        assert not list(run.glob("**/*.partial")), run.name
    return contents(folder / "whole"), {run.name: contents(run) for run in runs}


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_and_restarted(tmp_path, models, name, kills):
    whole, runs = run_forked(tmp_path, "at random moments", kills, verb_of(name, tmp_path, models))
    assert len(whole) > 1
    for run, found in runs.items():
        assert found == whole, run


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("embed", "from nothing"),
        *(
            pytest.param(name, how, marks=pytest.mark.slow)
            for name, how in (
                ("predict", "from nothing"),
                ("predict", "over older results"),
                ("embed", "over older results"),
            )
        ),
    ],
)
def test_killed_at_every_call_that_makes_something_lasting(tmp_path, models, name, how):
    verb = verb_of(name, tmp_path, models)
    letters, none = ("MKVLAGW", "*") if name == "embed" else ("ATGCCCGGG", "N" * 300)
    write_fasta(verb.input, [("a", letters * 40), ("none", none), ("b", letters * 70)])
    verb.options[-1] = "2"  # two parts
    whole, runs = run_forked(tmp_path, how, 0, verb)
    assert len(whole) >= 3
    assert len(runs) > 20
    for run, found in runs.items():
        assert found == whole, run
