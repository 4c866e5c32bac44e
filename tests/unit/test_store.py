"""Files that are whole or absent, and receipts that tell the truth about them."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from virnucpro import DimensionError, StoreError
from virnucpro.features.vectors import (
    read_dna_features,
    read_protein_features,
    write_dna_features,
    write_protein_features,
)
from virnucpro.records import Counts, EmbeddingTable, Failure, ModelIdentity
from virnucpro.runs.failures import FAILURE_LOG, append_failures, replace_failures
from virnucpro.runs.files import require_writable, temporary_path, whole_file
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


def test_a_file_that_fails_half_way_leaves_nothing(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(TypeError), whole_file(tmp_path / "x") as stream:
        stream.writelines([b"half", None])
    assert (tmp_path / "x").read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_a_killed_run_s_temporary_file_is_taken_over(tmp_path):
    temporary_path(tmp_path / "x").write_bytes(b"much longer than what follows")
    with whole_file(tmp_path / "x") as stream:
        stream.write(b"new")
    assert (tmp_path / "x").read_bytes() == b"new"
    assert names(tmp_path) == ["x"]


def test_two_runs_do_not_write_one_file(tmp_path):
    with whole_file(tmp_path / "x") as stream:
        with pytest.raises(StoreError, match="being written by another run"), whole_file(tmp_path / "x"):
            pass
        stream.write(b"first")
    assert (tmp_path / "x").read_bytes() == b"first"


def test_a_full_disk_is_named_and_leaves_no_half_file(tmp_path, monkeypatch, table):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"x_ESM\.pt.*: No space left on device; free some space"):
        write_result(
            tmp_path / "x_ESM.pt", lambda stream: write_protein_features(stream, table.ids, table.vectors), RECEIPT
        )
    assert names(tmp_path) == []


def test_a_file_system_that_takes_no_more_bytes(tmp_path):
    """A real failing write inside torch's archive writer: the process may write 64 KiB to a file and no more."""
    script = f"""
import resource, sys, torch
from pathlib import Path
from virnucpro import StoreError
from virnucpro.runs.files import whole_file
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    with whole_file(Path({str(tmp_path / "x_ESM.pt")!r})) as stream:
        torch.save({{"data": list(torch.zeros(1000, 100).unbind(0))}}, stream)
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "x_ESM.pt: File too large" in done.stdout
    assert names(tmp_path) == []


def write_as_torch_fails():
    try:
        os.write(os.open("/dev/full", os.O_WRONLY), b"x")
    except OSError:
        raise RuntimeError("[enforce fail at inline_container.cc:672]")  # noqa: B904


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_failed_write_that_torch_reports_in_its_own_words(tmp_path):
    with pytest.raises(StoreError, match="No space left on device"), whole_file(tmp_path / "x"):
        write_as_torch_fails()
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot write"), whole_file(tmp_path / "file" / "x"):
        pass


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


def test_the_failure_log_has_one_line_per_failure(tmp_path):
    append_failures(tmp_path / "out", "x.faa", [])
    assert not (tmp_path / "out").exists()
    append_failures(tmp_path / "out", "x.faa", [Failure(3, "gi|7", "OutOfMemory", "does\nnot fit")])
    append_failures(tmp_path / "out", "y.faa", [Failure(0, "-", "InputError", "bad")])
    lines = (tmp_path / "out" / "extraction_failures.log").read_text().splitlines()
    assert [line.split(" | ")[1:] for line in lines] == [
        ["x.faa", "gi|7", "OutOfMemory", "does not fit"],
        ["y.faa", "-", "InputError", "bad"],
    ]
    assert lines[0].startswith("20")


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


@pytest.mark.parametrize("write", [append_failures, replace_failures])
def test_an_unfinished_last_line_is_not_glued_to(tmp_path, write):
    (tmp_path / FAILURE_LOG).write_text("2026 | x.faa | a | Empt")
    write(tmp_path, "y.faa", failures_of("c"))
    assert logged(tmp_path) == [["x.faa", "a"], ["y.faa", "c"]]


@pytest.mark.parametrize(
    ("write", "call"), [(append_failures, "write"), (append_failures, "fsync"), (replace_failures, "fsync")]
)
def test_a_log_that_cannot_be_written_is_as_before(tmp_path, monkeypatch, write, call):
    append_failures(tmp_path, "x.faa", failures_of("a"))
    before = (tmp_path / FAILURE_LOG).read_bytes()

    def full(descriptor, content=b""):
        if content:
            real(descriptor, content[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = os.write
    monkeypatch.setattr(os, call, full)
    with pytest.raises(StoreError, match=r"extraction_failures\.log.*No space left"):
        write(tmp_path, "y.faa", failures_of("b"))
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


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path):
    require_writable(tmp_path / "new")
    assert names(tmp_path / "new") == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot write"):
        require_writable(tmp_path / "file" / "out")
