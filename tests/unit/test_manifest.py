"""Manifests tell the truth about results: read back as written, compared by what decides the numbers, never believed damaged."""

import json
from dataclasses import replace

import pytest

from virnucpro import StoreError
from virnucpro.records import Failure, FileIdentity, ModelIdentity
from virnucpro.runs import manifest as module
from virnucpro.runs.manifest import Manifest, read_manifest

MODEL = ModelIdentity("m", None, "1" * 64, {"token_dropout": True})
MADE = Manifest(
    (FileIdentity("x.faa", 10, "0" * 64),),
    {"protein": MODEL},
    {"dtype": "fp32", "max_residues": 1024},
    {"level": "relaxed"},
    {"read": 3, "calls": {"viral": 1}},
    (FileIdentity("x_ESM.pt", 7, "2" * 64),),
    (("x.faa", Failure(2, "b", "EmptySequence", "nothing is left of it")),),
    {"device": "cpu, fp32"},
)


def written(folder, content):
    path = folder / "run.json"
    path.write_bytes(content)
    return path


def test_what_is_read_is_what_was_written(tmp_path):
    assert read_manifest(written(tmp_path, MADE.to_json())) == MADE
    assert read_manifest(tmp_path / "absent.json") is None


def test_scripts_find_what_they_look_for():
    content = json.loads(MADE.to_json())
    assert content["inputs"] == [{"path": "x.faa", "size": 10, "sha256": "0" * 64}]
    assert content["models"]["protein"]["weights_sha256"] == "1" * 64
    assert content["counts"] == {"read": 3, "calls": {"viral": 1}}
    assert content["results"] == [{"path": "x_ESM.pt", "size": 7, "sha256": "2" * 64}]
    assert content["failures"] == [["x.faa", 2, "b", "EmptySequence", "nothing is left of it"]]
    assert content["device"] == "cpu, fp32"
    assert set(content["versions"]) == {"python", "numpy", "torch"}


def test_equal_manifests_are_equal_bytes():
    assert MADE.to_json() == Manifest.from_json(MADE.to_json()).to_json()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"inputs": (FileIdentity("x.faa", 10, "3" * 64),)},
            "input x.faa: 10 bytes 000000000000 then, 10 bytes 333333333333 now",
        ),
        ({"inputs": (*MADE.inputs, *MADE.inputs)}, "number of inputs: 1 then, 2 now"),
        ({"inputs": ()}, "number of inputs: 1 then, 0 now"),
        (
            {"models": {"protein": replace(MODEL, weights_sha256="3" * 64)}},
            "protein model: m (111111111111) then, m (333333333333) now",
        ),
        ({"models": {"protein": replace(MODEL, architecture={"token_dropout": False})}}, "protein model"),
        ({"models": {}}, "protein model: m (111111111111) then, none now"),
        ({"models": {"protein": MODEL, "dna": MODEL}}, "dna model: none then, m (111111111111) now"),
        ({"settings": {"dtype": "bf16", "max_residues": 1024}}, "dtype: fp32 then, bf16 now"),
        ({"settings": {"dtype": "fp32"}}, "max_residues: 1024 then, None now"),
    ],
)
def test_what_decides_the_numbers_is_a_difference(change, told):
    (found,) = MADE.differences(replace(MADE, **change))
    assert told in found


def test_all_differences_are_told():
    assert len(MADE.differences(replace(MADE, inputs=(), models={}, settings={}))) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": (FileIdentity("elsewhere/x.faa", 10, "0" * 64),)},
        {"models": {"protein": replace(MODEL, name="n", revision="abc")}},
        {"models": {"protein": replace(MODEL, architecture={})}},
        {"output_settings": {}},
        {"counts": {}, "results": (), "failures": (), "details": {}},
    ],
)
def test_a_moved_input_a_renamed_model_and_what_only_shows_results_are_none(change):
    assert MADE.differences(replace(MADE, **change)) == []


def test_a_name_from_outside_is_told_without_escapes():
    (found,) = MADE.differences(replace(MADE, inputs=(FileIdentity("x\x1b[2J", 1, "3" * 64),)))
    assert "\x1b" not in found
    (found,) = MADE.differences(replace(MADE, settings={**MADE.settings, "dtype": "\x1b[2J"}))
    assert "\x1b" not in found


@pytest.mark.parametrize(("error_type", "again"), [("EmptySequence", False), ("OutOfMemory", True)])
def test_only_what_did_not_fit_in_memory_may_succeed_elsewhere(error_type, again):
    failures = (("x.faa", Failure(2, "b", error_type, "why")),)
    assert replace(MADE, failures=failures).may_succeed_elsewhere is again


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("settings", None),
        ("settings", 3),
        ("counts", None),
        ("output_settings", "x"),
        ("results", [{"size": 1, "sha256": None}]),
        ("results", [{"path": "x", "size": True, "sha256": "0"}]),
        ("results", [{"path": "x" * 256, "size": 1, "sha256": "0"}]),
        ("results", [{"path": "x\0", "size": 1, "sha256": "0"}]),
        ("inputs", [{"path": "x", "size": "1", "sha256": "0"}]),
        ("inputs", [{"path": "x", "size": -1, "sha256": "0"}]),
        ("inputs", 3),
        ("models", []),
        ("models", {"protein": {"name": "m", "revision": None, "weights_sha256": "1", "architecture": None}}),
        ("models", {"protein": {"name": "m", "revision": None, "weights_sha256": 1}}),
        ("models", {"protein": {"name": "m", "revision": None, "weights_sha256": "1", "molecule": "wood"}}),
        ("counts", {"records": "5"}),
        ("counts", {"records": 5, "calls": {"viral": None}}),
        ("counts", {"calls": [5]}),
        ("counts", {"calls": {"viral": {"viral": 5}}}),
        ("failures", [1]),
        ("failures", [["x", "1", "b", "Type", "why"]]),
        ("failures", [["x", 1, "b", "Type"]]),
        ("failures", [["x", 1, None, "Type", "why"]]),
        ("format", 1),
    ],
)
def test_a_manifest_of_wrong_types(tmp_path, key, value):
    content = json.loads(MADE.to_json())
    with pytest.raises(StoreError, match=r"run\.json is damaged.*--overwrite"):
        read_manifest(written(tmp_path, json.dumps(content | {key: value}).encode()))


@pytest.mark.parametrize("key", ["inputs", "models", "settings", "output_settings", "counts", "results", "failures"])
def test_a_manifest_that_lacks_something(tmp_path, key):
    content = json.loads(MADE.to_json())
    del content[key]
    with pytest.raises(StoreError, match=key):
        read_manifest(written(tmp_path, json.dumps(content).encode()))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"format": 99}', b"\xff\xfe", b"[" * 100_000, MADE.to_json()[:-9]]
)
def test_a_manifest_that_cannot_be_read(tmp_path, text):
    with pytest.raises(StoreError, match="damaged"):
        read_manifest(written(tmp_path, text))


def test_a_manifest_is_not_read_whatever_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_MANIFEST_BYTES", 100)
    with pytest.raises(StoreError, match="larger than 100 bytes"):
        read_manifest(written(tmp_path, MADE.to_json()))


def test_a_folder_is_no_manifest(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(StoreError, match=r"cannot read .*: Is a directory"):
        read_manifest(tmp_path / "run.json")
