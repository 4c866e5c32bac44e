"""Feature files are written from where the vectors are, and read back as they were."""

import tracemalloc

import numpy as np
import pytest
import torch

from virnucpro import DimensionError, StoreError
from virnucpro.features.vectors import (
    FORMATS,
    own_rows,
    read_dna_features,
    read_protein_features,
    require_catalogue_width,
    write_dna_features,
    write_protein_features,
)
from virnucpro.models.catalog import catalogue_identity
from virnucpro.records import EmbeddingTable
from virnucpro.runs.files import whole_file


@pytest.fixture
def mapped(tmp_path):
    """12 MB of vectors in a file that is only mapped."""
    vectors = np.memmap(tmp_path / "x.npy", np.float32, "w+", shape=(4000, 768))
    vectors[:] = np.random.default_rng(0).normal(size=vectors.shape)
    vectors.flush()
    return np.memmap(tmp_path / "x.npy", np.float32, "r", shape=(4000, 768))


@pytest.mark.parametrize("layout", sorted(FORMATS))
def test_vectors_are_written_without_a_second_copy(tmp_path, mapped, layout):
    ids = [f"r{row}" for row in range(len(mapped))]
    with (tmp_path / "x.pt").open("wb") as stream:
        tracemalloc.start()
        FORMATS[layout].write(stream, ids, mapped)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < mapped.nbytes / 2
    table = FORMATS[layout].read(tmp_path / "x.pt")
    assert table.ids == tuple(ids)
    assert np.array_equal(table.vectors, mapped)


def test_a_dna_file_is_the_same_as_torch_would_write(tmp_path):
    """But for the memory that it takes: IDs of any letters, numbers of any size, no rows."""
    numbers = np.array([[0, -0.0, 1e-45, 3.4e38, -1.5], [1, 2, 3, 4, 5]], np.float32)
    ids = ["gi|7 ü \u2028", ""]
    for rows in (2, 0):
        with (tmp_path / "ours.pt").open("wb") as stream:
            write_dna_features(stream, ids[:rows], numbers[:rows])
        data = [
            {"label": i, "mean_representation": v.tolist()} for i, v in zip(ids[:rows], numbers[:rows], strict=True)
        ]
        torch.save({"nucleotide": ids[:rows], "data": data}, tmp_path / "torch.pt")
        ours, theirs = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("ours", "torch"))
        assert repr(ours) == repr(theirs)
        assert len(read_dna_features(tmp_path / "ours.pt")) == rows


def test_equal_features_give_equal_files(tmp_path):
    for name in "ab":
        with (tmp_path / name).open("wb") as stream:
            write_dna_features(stream, ["x"], np.ones((1, 3), np.float32))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_row_can_be_saved_alone(tmp_path):
    rows = own_rows(np.zeros((1000, 50), np.float32))
    torch.save(rows[5], tmp_path / "row.pt")
    assert (tmp_path / "row.pt").stat().st_size < 5000


@pytest.mark.parametrize("write", [write_protein_features, write_dna_features])
def test_ids_and_vectors_that_are_no_pairs(tmp_path, write):
    for vectors in (np.zeros((2, 3), np.float32), np.zeros((1, 3)), np.zeros(1, np.float32)):
        with (tmp_path / "x.pt").open("wb") as stream, pytest.raises(DimensionError, match="1 IDs for"):
            write(stream, ["a"], vectors)


def test_a_width_that_the_catalogue_does_not_know_is_not_saved():
    require_catalogue_width(catalogue_identity("fastesm2-650"), 1280)
    require_catalogue_width(catalogue_identity("dnabert-s"), 768)
    with pytest.raises(DimensionError, match="fastesm2-650 gave 1279 numbers per vector instead of 1280"):
        require_catalogue_width(catalogue_identity("fastesm2-650"), 1279)


@pytest.fixture
def table():
    return EmbeddingTable(("a", "b", "a"), np.arange(12, dtype=np.float32).reshape(3, 4))


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
