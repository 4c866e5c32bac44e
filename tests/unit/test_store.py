"""Files that are whole or absent, and receipts that tell the truth about them."""

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from virnucpro.runs.manifests import (
    InputIdentity,
    Provenance,
    Receipt,
    State,
    examine,
    identify_input,
    receipt_path,
    write_result,
)

from virnucpro import DimensionError, StoreError
from virnucpro.features.vectors import (
    read_dna_features,
    read_protein_features,
    write_dna_features,
    write_protein_features,
)
from virnucpro.records import Counts, EmbeddingTable, ModelIdentity
from virnucpro.runs.files import whole_file


@pytest.fixture
def table():
    return EmbeddingTable(("a", "b", "a"), np.arange(12, dtype=np.float32).reshape(3, 4))


PROVENANCE = Provenance(
    InputIdentity("x.faa", 10, "0" * 64),
    ModelIdentity("m", None, "1" * 64, {"token_dropout": True}),
    {"dtype": "fp32", "max_residues": 1024},
)
RECEIPT = Receipt(PROVENANCE, Counts(3, 3, 0, 0, 9), {})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_feature_file_is_what_scripts_read(tmp_path, table):
    with whole_file(tmp_path / "x_ESM.pt") as stream:
        write_protein_features(stream, table.ids, table.vectors)
    content = torch.load(tmp_path / "x_ESM.pt", weights_only=True)
    assert list(content) == ["proteins", "data"]
    assert content["proteins"] == ["a", "b", "a"]
    assert all(row.shape == (4,) and row.dtype == torch.float32 for row in content["data"])
    assert len({row.untyped_storage().data_ptr() for row in content["data"]}) == 1
    again = read_protein_features(tmp_path / "x_ESM.pt")
    assert again.ids == table.ids
    assert (again.vectors == table.vectors).all()


def test_a_dna_feature_file_is_what_scripts_read(tmp_path, table):
    """Lists of Python numbers, as VirNucPro writes them, float32 to the last bit."""
    with whole_file(tmp_path / "x_DNABERT_S.pt") as stream:
        write_dna_features(stream, table.ids, table.vectors)
    content = torch.load(tmp_path / "x_DNABERT_S.pt", weights_only=True)
    assert list(content) == ["nucleotide", "data"]
    assert content["nucleotide"] == ["a", "b", "a"]
    assert [list(row) for row in content["data"]] == [["label", "mean_representation"]] * 3
    assert [row["label"] for row in content["data"]] == content["nucleotide"]
    assert all(type(row["mean_representation"]) is list for row in content["data"])
    assert torch.equal(torch.tensor(content["data"][1]["mean_representation"]), torch.from_numpy(table.vectors[1]))
    again = read_dna_features(tmp_path / "x_DNABERT_S.pt")
    assert again.ids == table.ids
    assert (again.vectors == table.vectors).all()


def test_dna_features_may_be_tensors(tmp_path):
    rows = [{"label": id_, "mean_representation": torch.arange(4.0)} for id_ in "ab"]
    torch.save({"nucleotide": ["a", "b"], "data": rows}, tmp_path / "x.pt")
    assert read_dna_features(tmp_path / "x.pt").vectors.tolist() == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"proteins": ["a"], "data": [torch.zeros(4)]}, "no nucleotide feature file"),
        (
            {"nucleotide": ["a"], "data": [{"label": "b", "mean_representation": [1.0]}]},
            "row 0 is of 'b', its id says 'a'",
        ),
        ({"nucleotide": ["a", "b"], "data": [{"label": "a", "mean_representation": [1.0]}]}, "2 ids beside 1 vectors"),
        ({"nucleotide": ["a"], "data": [{"label": "a", "mean_representation": "x"}]}, "no nucleotide feature file"),
    ],
)
def test_a_damaged_dna_feature_file(tmp_path, content, told):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(StoreError, match=told):
        read_dna_features(tmp_path / "x.pt")


def test_ids_and_vectors_of_other_counts_never_meet(tmp_path, table):
    with pytest.raises(DimensionError, match="2 ids for 3 vectors"):
        EmbeddingTable(("a", "b"), table.vectors)
    with pytest.raises(DimensionError, match="float64"):
        EmbeddingTable(("a",), np.zeros((1, 4)))
    torch.save({"proteins": ["a", "b"], "data": [torch.zeros(4)]}, tmp_path / "x_ESM.pt")
    with pytest.raises(StoreError, match="2 ids beside 1 vectors"):
        read_protein_features(tmp_path / "x_ESM.pt")


@pytest.mark.parametrize("content", [b"", b"not a feature file"])
def test_a_damaged_feature_file(tmp_path, content):
    (tmp_path / "x_ESM.pt").write_bytes(content)
    with pytest.raises(StoreError, match=r"x_ESM\.pt .*protein feature file"):
        read_protein_features(tmp_path / "x_ESM.pt")


def test_a_full_disk_is_named_and_leaves_no_half_file(tmp_path, monkeypatch, table):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"x_ESM\.pt.*: No space left on device; free some space"):
        write_result(
            tmp_path / "x_ESM.pt", lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT
        )
    assert names(tmp_path) == []


def test_a_receipt_says_what_the_result_was_made_from(tmp_path, table):
    result = tmp_path / "x_ESM.pt"
    written = write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    content = json.loads(receipt_path(result).read_text())
    assert names(tmp_path) == ["x_ESM.pt", "x_ESM.pt.json"]
    assert content["input"] == {"path": "x.faa", "size": 10, "sha256": "0" * 64}
    assert content["model"]["weights_sha256"] == "1" * 64
    assert content["counts"] == {"read": 3, "written": 3, "truncated": 0, "failed": 0, "residues": 9}
    assert content["output"]["sha256"] == identify_input(result).sha256
    assert content["versions"]["torch"] == torch.__version__
    assert Receipt.from_json(receipt_path(result).read_bytes()) == written
    assert examine(result, PROVENANCE) == (State.FINISHED, written)


def test_absent_and_unchecked_results(tmp_path, table):
    result = tmp_path / "x_ESM.pt"
    assert examine(result, PROVENANCE) == (State.ABSENT, None)
    write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    receipt_path(result).unlink()
    assert examine(result, PROVENANCE) == (State.UNCHECKED, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"input": replace(PROVENANCE.input, sha256="2" * 64)},
            "input sha256: 000000000000... then, 222222222222... now",
        ),
        ({"model": replace(PROVENANCE.model, weights_sha256="3" * 64)}, "weights sha256"),
        (
            {"model": replace(PROVENANCE.model, architecture={"token_dropout": False})},
            "token_dropout: True then, False",
        ),
        ({"settings": {"dtype": "bf16", "max_residues": 1024}}, "dtype: fp32 then, bf16 now"),
        ({"settings": {"dtype": "fp32", "max_residues": 500}}, "max_residues: 1024 then, 500 now"),
    ],
)
def test_a_result_made_from_something_else_stops_the_run(tmp_path, table, change, told):
    result = tmp_path / "x_ESM.pt"
    write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    with pytest.raises(StoreError, match=told) as caught:
        examine(result, replace(PROVENANCE, **change))
    assert "--overwrite" in str(caught.value)


def test_what_is_no_difference(tmp_path, table):
    """A moved input and a renamed model give the same vectors."""
    result = tmp_path / "x_ESM.pt"
    write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    moved = replace(PROVENANCE.input, path="elsewhere/x.faa")
    renamed = replace(PROVENANCE.model, name="n", revision="abc")
    assert examine(result, replace(PROVENANCE, input=moved, model=renamed))[0] is State.FINISHED


def test_a_result_that_was_changed_after_its_receipt(tmp_path, table):
    result = tmp_path / "x_ESM.pt"
    write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    result.write_bytes(result.read_bytes()[:-1])
    with pytest.raises(StoreError, match="output size"):
        examine(result, PROVENANCE)


def test_a_result_with_flipped_bytes(tmp_path, table):
    result = tmp_path / "x_ESM.pt"
    write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    content = bytearray(result.read_bytes())
    content[len(content) // 2] ^= 1
    result.write_bytes(content)
    with pytest.raises(StoreError, match=r"x_ESM\.pt is damaged.*--overwrite"):
        examine(result, PROVENANCE)


def test_a_folder_is_no_result(tmp_path):
    (tmp_path / "x_ESM.pt").mkdir()
    with pytest.raises(StoreError, match=r"x_ESM\.pt is not a file"):
        examine(tmp_path / "x_ESM.pt", PROVENANCE)


def test_what_did_not_fit_in_memory_is_tried_again(tmp_path, table):
    result = tmp_path / "x_ESM.pt"
    for error_type, state in (("EmptySequence", State.FINISHED), ("OutOfMemory", State.ABSENT)):
        receipt = replace(RECEIPT, details={"failures": [[2, "b", error_type, "why"]]})
        write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), receipt)
        assert examine(result, PROVENANCE)[0] is state


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("settings", None),
        ("details", []),
        ("counts", {"read": "3"}),
        ("output", {"size": 1, "sha256": None}),
        ("input", {"path": "x", "size": "1", "sha256": "0"}),
        ("model", {"name": "m", "revision": None, "weights_sha256": "1", "architecture": None}),
        ("details", {"failures": [1]}),
    ],
)
def test_a_receipt_of_wrong_types(tmp_path, table, key, value):
    result = tmp_path / "x_ESM.pt"
    write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    content = json.loads(receipt_path(result).read_text())
    receipt_path(result).write_text(json.dumps(content | {key: value}))
    with pytest.raises(StoreError, match="cannot be read as a receipt"):
        examine(result, PROVENANCE)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}'])
def test_a_receipt_that_cannot_be_read(tmp_path, text):
    (tmp_path / "x_ESM.pt").write_bytes(b"x")
    (tmp_path / "x_ESM.pt.json").write_text(text)
    with pytest.raises(StoreError, match="cannot be read as a receipt"):
        examine(tmp_path / "x_ESM.pt", PROVENANCE)


def test_an_old_result_never_stands_beside_a_new_receipt(tmp_path, table, monkeypatch):
    """Killed between the two renamings of an overwriting run, there is no result: it is made again."""
    from pathlib import Path

    result = tmp_path / "x_ESM.pt"
    result.write_bytes(b"old")
    rename = Path.replace

    def killed(path, target):
        if Path(target) == result:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_result(result, lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT)
    assert examine(result, PROVENANCE) == (State.ABSENT, None)
