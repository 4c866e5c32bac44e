"""Every format holds the same vectors beside the same IDs, and is written from where the vectors are."""

import json
import tracemalloc

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import virnucpro as vn
from conftest import random_protein, write_fasta
from virnucpro.runs.results import Results
from virnucpro.writers import vectors as writers
from virnucpro.writers.vectors import VECTOR_FORMATS, SavedVectors, require_format, vector_files, write_vectors

IDS = ("a", "gi|7 ü", "a")


def read(path, per_residue):
    """IDs, vectors and counts as a user would read them."""
    if path.suffix == ".pt":
        content = torch.load(path, weights_only=True)
        rows = [torch.as_tensor(row).numpy() for row in content["data"]]
        return content["proteins"], np.vstack(rows), [len(row) for row in rows] if per_residue else None
    if path.suffix == ".npy":
        lines = path.with_suffix(".ids.txt").read_text().splitlines()
        return lines, np.load(path), None
    if path.suffix == ".npz":
        content = np.load(path)
        ids = content["ids"].tobytes().decode().split("\n")
        return ids, content["vectors"], np.diff(content["offsets"]) if per_residue else None
    if path.suffix == ".h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path) as file:
            counts = np.diff(file["offsets"]) if per_residue else None
            return [text.decode() for text in file["ids"]], file["vectors"][:], counts
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        table = parquet.read_table(path)
        if per_residue:
            assert table["position"].to_pylist() == [0, 1, 2, 0, 1]
        return table["id"].to_pylist(), np.array(table["vector"].to_pylist(), np.float32), None
    content = load_file(path)
    ids = content["ids"].tobytes().decode().split("\n")
    return ids, content["vectors"], np.diff(content["offsets"]) if per_residue else None


def written(folder, file_format, saved):
    files = vector_files("x", "_ESM.pt", file_format)
    with Results(folder / "scratch", folder) as results:
        write_vectors(results, files, file_format, saved)
        results.close([], None)
        results.publish()
    return folder / files[0]


@pytest.mark.parametrize("file_format", VECTOR_FORMATS)
def test_one_vector_per_sequence(tmp_path, file_format, monkeypatch):
    monkeypatch.setattr(writers, "BLOCK_BYTES", 40)  # several blocks
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    path = written(tmp_path, file_format, SavedVectors("proteins", IDS, vectors, None))
    ids, found, _ = read(path, per_residue=False)
    assert tuple(ids) == IDS
    assert found.dtype == np.float32
    assert np.array_equal(found, vectors)
    assert path.name == f"x_ESM.{file_format}"


@pytest.mark.parametrize("file_format", VECTOR_FORMATS)
def test_a_vector_per_residue(tmp_path, file_format, monkeypatch):
    monkeypatch.setattr(writers, "BLOCK_BYTES", 40)
    vectors, counts = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), np.array([3, 0, 2])
    ids, found, own = read(written(tmp_path, file_format, SavedVectors("proteins", IDS, vectors, counts)), True)
    assert np.array_equal(found, vectors)
    if own is None:
        assert ids == ["a"] * 5
    else:
        assert tuple(ids) == IDS
        assert list(own) == [3, 0, 2]


@pytest.mark.parametrize("file_format", VECTOR_FORMATS)
def test_equal_vectors_give_equal_files_without_a_second_copy(tmp_path, file_format, monkeypatch):
    monkeypatch.setattr(writers, "BLOCK_BYTES", 1 << 20)
    vectors = np.memmap(tmp_path / "v", np.float32, "w+", shape=(6000, 1000))
    vectors[:] = np.random.default_rng(0).normal(size=(6000, 1)).astype(np.float32)
    saved = SavedVectors("proteins", [f"r{i}" for i in range(6000)], vectors, None)
    written(tmp_path / "a", file_format, saved)  # with what its library imports
    tracemalloc.start()
    second = written(tmp_path / "b", file_format, saved)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.75 * vectors.nbytes  # numpy writes 16 MiB at a time
    assert second.read_bytes() == (tmp_path / "a" / second.name).read_bytes()


@pytest.mark.parametrize(
    ("file_format", "library", "extra"), [("h5", "h5py", "hdf5"), ("parquet", "pyarrow", "tables")]
)
def test_a_library_that_is_not_installed_is_named(monkeypatch, file_format, library, extra):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(
        vn.ConfigError, match=rf"format {file_format} needs {library}: pip install 'virnucpro\[{extra}\]'"
    ):
        require_format(file_format)
    with pytest.raises(vn.ConfigError, match="format 'csv' is not one of pt, npy"):
        require_format("csv")


@pytest.mark.parametrize("file_format", [name for name in VECTOR_FORMATS if name not in {"pt", "npy"}])
def test_a_long_id_takes_no_more_than_its_letters(tmp_path, file_format):
    ids = ["a"] * 1000 + ["x" * 10_000]
    path = written(tmp_path, file_format, SavedVectors("protein", ids, np.zeros((1001, 1), np.float32), None))
    assert read(path, False)[0] == ids
    assert path.stat().st_size < 100_000


@pytest.mark.parametrize("pool", ["mean", "none"])
def test_parts_are_put_together_in_order(tmp_path, models, pool):
    generator = np.random.default_rng(4)
    proteins = [(f"p{i}", random_protein(generator, int(generator.integers(1, 60)))) for i in range(25)]
    proteins[7] = ("p7", "**")
    fasta = write_fasta(tmp_path / "x.faa", proteins)
    model = {"model": str(models / "protein"), "device": "cpu", "dtype": "fp32", "pool": pool}
    (outcome,) = vn.embed_files(fasta, tmp_path / "out", format="npz", part_records=4, layers=[1, -1], **model)
    assert outcome.parts == 7
    content = np.load(tmp_path / "out" / "x_ESM.npz")
    named = [name for name, _ in proteins if name != "p7"]
    assert content["ids"].tobytes().decode().split("\n") == named
    expected = vn.embed(fasta, layers=[1, -1], on_failure="nan", **model)
    rows = [row for i, row in enumerate(expected) if i != 7]
    assert np.array_equal(content["vectors"], np.concatenate(rows) if pool == "none" else np.stack(rows))
    if pool == "none":
        assert np.diff(content["offsets"]).tolist() == [len(text) for name, text in proteins if name != "p7"]
    manifest = json.loads((tmp_path / "out" / "x_ESM.npz.json").read_text())
    assert (manifest["settings"]["layers"], manifest["settings"]["pool"]) == ([1, -1], pool)
    assert (manifest["counts"]["written"], manifest["counts"]["failed"]) == (24, 1)
