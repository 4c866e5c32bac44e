"""The examples for workflow systems run, and give what one process gives."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from verb_inputs import contents, verb_of
from virnucpro.cli.main import cli

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def environment(tmp_path):
    """`virnucpro` is a command."""
    command = tmp_path / "bin" / "virnucpro"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m virnucpro "$@"\n')
    command.chmod(0o755)
    return os.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def verb(tmp_path, models):
    verb = verb_of("predict", tmp_path, models)
    verb.options = ["--part-windows", "20", "--no-report"]
    return verb


@pytest.mark.slow
def test_slurm_array(virnucpro, verb, environment, tmp_path):
    for task in ("2", "1"):
        of_task = {"SLURM_ARRAY_TASK_ID": task, "SHARDS": "2", "SLURM_CPUS_PER_TASK": "1"}
        command = ["bash", str(EXAMPLES / "slurm_array.sh"), str(verb.input), str(tmp_path / "calls")]
        subprocess.run(command, env=environment | of_task, check=True, capture_output=True)
    assert virnucpro("predict", verb.input, "-o", tmp_path / "whole")[0] == 0
    assert contents(tmp_path / "calls") == contents(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("snakemake"), reason="needs Snakemake: pip install snakemake")
def test_snakemake(virnucpro, verb, environment, tmp_path):
    config = [f"input={verb.input}", f"outdir={tmp_path / 'calls'}", "shards=3", f"options={' '.join(verb.options)}"]
    command = ["snakemake", "-s", str(EXAMPLES / "Snakefile"), "--cores", "1", "--config", *config]
    subprocess.run(command, env=environment, check=True, cwd=tmp_path)
    assert virnucpro(*verb.command(tmp_path / "whole"))[0] == 0
    shutil.rmtree(tmp_path / "calls" / "shards")
    assert contents(tmp_path / "calls") == contents(tmp_path / "whole")


@pytest.mark.parametrize("name", ["slurm_array.sh", "Snakefile", "main.nf", "kuberay.yaml"])
def test_options_of_the_examples_exist(name):
    text = (EXAMPLES / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "virnucpro predict" in line]
    assert lines
    known = {option for parameter in cli.commands["predict"].params for option in parameter.opts}
    used = {
        word.strip("\"'") for line in lines for word in line.split("virnucpro predict")[1].split() if word[0] == "-"
    }
    assert used <= known
