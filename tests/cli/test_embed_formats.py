"""`virnucpro embed --format`, `--layers`, `--pool` as a user meets them."""

import json

import numpy as np
import pytest

from conftest import write_fasta


@pytest.fixture
def random(models):
    return ("--model", models / "protein", "--dtype", "fp32")


@pytest.fixture
def small(tmp_path):
    return write_fasta(tmp_path / "x.faa", [("a", "MKV"), ("b", "*"), ("c", "MKVLA")])


def test_formats_lie_side_by_side_and_are_resumed_by_themselves(virnucpro, tmp_path, small, random):
    command = ("embed", small, "-o", tmp_path / "out", *random)
    for more in ((), ("--format", "npy"), ("--format", "npy", "-v")):
        code, _, err = virnucpro(*command, *more)
        assert code == 5
    assert "skipped" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "extraction_failures.log", "virnucpro.log", "x_ESM.ids.txt", "x_ESM.npy", "x_ESM.npy.json", "x_ESM.pt",
        "x_ESM.pt.json",
    ]  # fmt: skip
    assert (tmp_path / "out" / "x_ESM.ids.txt").read_text() == "a\nc\n"
    assert np.load(tmp_path / "out" / "x_ESM.npy").shape == (2, 128)
    assert len((tmp_path / "out" / "extraction_failures.log").read_text().splitlines()) == 1


def test_layers_and_pool_are_part_of_the_manifest(virnucpro, tmp_path, small, random):
    command = ("embed", small, "-o", tmp_path / "out", *random, "--format", "npz")
    assert virnucpro(*command, "--layers", "0,-1", "--per-residue")[0] == 5
    content = np.load(tmp_path / "out" / "x_ESM.npz")
    assert content["vectors"].shape == (8, 256)
    assert content["offsets"].tolist() == [0, 3, 8]
    settings = json.loads((tmp_path / "out" / "x_ESM.npz.json").read_text())["settings"]
    assert (settings["layers"], settings["pool"]) == ([0, -1], "none")
    code, _, err = virnucpro(*command)
    assert code == 4
    assert "layers: [0, -1] then, [-1] now" in err
    assert "pool: none then, mean now" in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--layers", "last"), "'last' is not a list of whole numbers"),
        (("--layers", "9"), "there is no layer 9: the model has layers 0 to 3"),
        (("--pool", "max", "--per-residue"), "--per-residue and --pool exclude each other"),
        (("--format", "csv"), "'csv' is not one of 'pt', 'npy'"),
        (("--model", "mini", "--per-residue"), "mini makes one vector of a whole sequence"),
    ],
)
def test_choices_that_are_none(virnucpro, tmp_path, small, random, options, told):
    code, _, err = virnucpro("embed", small, "-o", tmp_path / "out", *random, *options)
    assert code == 2
    assert told in err
    assert not (tmp_path / "out" / "x_ESM.pt").exists()
