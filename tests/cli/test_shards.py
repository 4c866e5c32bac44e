"""Shards on the command line: any number of processes, in any order, and the same bytes."""

import subprocess
import sys

import pytest

from conftest import write_fasta
from verb_inputs import contents, dna_records, verb_of
from virnucpro.runs.manifest import read_manifest

SLOW = pytest.mark.slow


@pytest.fixture(params=["predict", "features", "embed"])
def verb(request, tmp_path, models):
    return verb_of(request.param, tmp_path, models)


@pytest.fixture
def whole(virnucpro, verb, tmp_path):
    assert virnucpro(*verb.command(tmp_path / "whole", "-q"))[0] == 0
    return contents(tmp_path / "whole")


def test_shards_give_the_bytes_of_one_process(virnucpro, verb, whole, tmp_path):
    out = tmp_path / "out"
    for shard in ("3/3", "1/3"):
        code, _, err = virnucpro(*verb.command(out, "--shard", shard))
        assert code == 0
        assert "run the other shards, or the same command without --shard" in err
        assert not (out / verb.manifest).exists()
    code, _, err = virnucpro(*verb.command(out, "--shard", "2/3"))
    assert code == 0
    assert "missing" not in err
    assert contents(out) == whole


def test_without_a_shard_the_rest_is_computed(virnucpro, verb, whole, tmp_path):
    out = tmp_path / "out"
    assert virnucpro(*verb.command(out, "--shard", "2/3", "-q"))[0] == 0
    assert virnucpro(*verb.command(out, "-q"))[0] == 0
    assert contents(out) == whole


@pytest.mark.parametrize(
    "verb", ["embed", *(pytest.param(name, marks=SLOW) for name in ("predict", "features"))], indirect=True
)
def test_shards_at_the_same_time(verb, whole, tmp_path):
    """Whichever is the last to save a part writes the results; here two of them may be."""
    out = tmp_path / "out"
    commands = [[sys.executable, "-m", "virnucpro", *verb.command(out, "--shard", f"{n}/2", "-q")] for n in (1, 2)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert contents(out) == whole


WAITING = """
import runpy, sys, time
from pathlib import Path
from virnucpro.verbs.calling import Calling
here, other = map(Path, sys.argv[1:3])
del sys.argv[1:3]
compute = Calling.compute
def once_the_other_is_there(*given):
    here.touch()
    while not other.exists():
        time.sleep(0.01)
    return compute(*given)
Calling.compute = once_the_other_is_there
runpy.run_module("virnucpro", run_name="__main__")
"""
"""The command, but computing begins once another process has shown that it is there."""


@SLOW
def test_shards_of_several_samples_at_the_same_time(tmp_path, models):
    """Each shard looks at the sample of the other before that is done; the last to end writes what is common."""
    verb, out = verb_of("predict", tmp_path, models), tmp_path / "out"
    other = write_fasta(tmp_path / "y.fna", dna_records(20, seed=2))
    options = ("--part-windows", "10000", "--only", "calls", "-v", other)

    def start(shard, *files):
        command = [sys.executable, "-c", WAITING, *files, *verb.command(out, "--shard", shard, *options)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    first = start("1/2", tmp_path / "first", tmp_path / "second")
    second = start("2/2", tmp_path / "second", tmp_path / "first_has_ended")
    _, err = first.communicate(timeout=300)
    (tmp_path / "first_has_ended").touch()
    assert first.returncode == 0, err
    assert "1 of 1 are missing" in err
    _, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    samples = [line.split("\t")[:2] for line in (out / "summary.tsv").read_text().splitlines()]
    assert samples == [["sample", "records"], ["x", "60"], ["y", "20"]]
    assert [one.path for one in read_manifest(out / "run.json").results] == ["summary.tsv"]


@pytest.mark.parametrize(
    "verb", ["features", *(pytest.param(name, marks=SLOW) for name in ("predict", "embed"))], indirect=True
)
def test_two_commands_share_one_folder(verb, whole, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "virnucpro", *verb.command(out, "-v")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert contents(out) == whole


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_a_shard_that_is_none_is_a_usage_error(virnucpro, tmp_path, shard):
    code, _, err = virnucpro("predict", tmp_path / "x.fna", "-o", tmp_path / "out", "--shard", shard)
    assert code == 2
    assert "is not a shard such as 1/3" in err


def test_a_shard_never_discards_what_others_have_computed(virnucpro, verb, tmp_path):
    code, _, err = virnucpro(*verb.command(tmp_path / "out", "--shard", "1/2", "--overwrite"))
    assert code == 2
    assert "exclude each other" in err
