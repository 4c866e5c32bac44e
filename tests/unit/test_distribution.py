"""Recipes, containers and citation agree with the package; the example workflow runs where Snakemake is installed."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from virnucpro import __version__
from virnucpro.models.catalog import CATALOG

ROOT = Path(__file__).parents[2]
DISTRIBUTION = ROOT / "distribution"
MODULE = DISTRIBUTION / "nf-core" / "modules" / "virnucpro" / "predict"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def read_yaml(path):
    return pytest.importorskip("yaml").safe_load(path.read_text())


def bounds(lines):
    return dict(re.match(r"([\w-]+) ?>=([\d.]+)", line).groups() for line in lines)


def test_the_conda_recipe_asks_for_what_the_package_asks_for():
    recipe = (DISTRIBUTION / "conda" / "meta.yaml").read_text()
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    asked = bounds(line.strip(" -") for line in run.splitlines())
    assert asked.pop("python") == PROJECT["requires-python"].removeprefix(">=")
    assert asked == {CONDA_NAMES.get(name, name): bound for name, bound in bounds(PROJECT["dependencies"]).items()}
    assert f'set version = "{__version__}"' in recipe


def test_the_constraints_meet_the_bounds_of_the_package():
    pins = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    for name, bound in bounds(PROJECT["dependencies"]).items():
        assert [int(n) for n in pins[name].split(".")] >= [int(n) for n in bound.split(".")], name


@pytest.mark.parametrize("path", ["Dockerfile", "distribution/apptainer/virnucpro.def"])
def test_images_have_the_torch_of_the_constraints(path):
    (version,) = re.findall(r"^torch==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert re.findall(r"torch_version=(\S+)", (ROOT / path).read_text(), re.IGNORECASE) == [version]


def test_the_build_context_holds_what_the_dockerfile_copies():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    copied = {name for line in lines for name in line.split()}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_the_citation_is_of_this_version_and_of_the_models_it_names():
    citation = read_yaml(ROOT / "CITATION.cff")
    assert citation["version"] == __version__
    commits = {
        one["repository"].partition("huggingface.co/")[2]: one["commit"]
        for one in citation["references"]
        if "commit" in one
    }
    assert commits == {entry.repository: entry.revision for entry in (CATALOG["fastesm2-650"], CATALOG["dnabert-s"])}


def test_the_module_of_nextflow_describes_each_of_its_channels():
    script = (MODULE / "main.nf").read_text()
    channels = dict(re.findall(r'path\("?([^")]+)"?\),? emit: (\w+)', script))
    described = read_yaml(MODULE / "meta.yml")["output"]
    assert set(channels.values()) | {"versions"} == set(described)
    for path, channel in channels.items():
        assert path in described[channel][0][1], channel
    assert f"virnucpro={__version__}" in (MODULE / "environment.yml").read_text()


@pytest.mark.slow
def test_the_example_workflow(tmp_path):
    if shutil.which("snakemake") is None:
        pytest.skip("Snakemake is not installed")
    shutil.copytree(DISTRIBUTION / "snakemake", tmp_path / "snakemake")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "virnucpro"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT}/src exec {sys.executable} -m virnucpro "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)  # Snakemake has a Python of its own
    folder = tmp_path / "snakemake" / "example"
    subprocess.run(["snakemake", "--cores", "2"], cwd=folder, env=environment, check=True, capture_output=True)
    rows = [line.split("\t") for line in (folder / "summary.tsv").read_text().splitlines()]
    assert rows[0] == ["sample", "records", "viral"]
    assert sorted((sample, records) for sample, records, _ in rows[1:]) == [("sample_1", "3"), ("sample_2", "3")]
