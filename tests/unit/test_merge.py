"""DNA and protein features joined row by row."""

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_parts import SPEC, make_genomes, write_dna, write_extraction_manifest, write_part, write_proteins
from virnucpro import ConfigError, DimensionError, InputError, StoreError, merge_data
from virnucpro.features.merged import find_merged_parts, read_merged
from virnucpro.features.rows import open_labelled_rows
from virnucpro.features.vectors import read_dna_features
from virnucpro.records import ModelIdentity, Molecule
from virnucpro.sequences.row_ids import number_sources, split_row_id


def vectors(ids, width, seed=0):
    generator = np.random.default_rng(seed)
    return [(id_, generator.normal(size=width).astype(np.float32)) for id_ in ids]


@pytest.fixture
def files(tmp_path):
    """Three frames; the protein file has them in another order, as VirNucPro's have."""
    dna, protein = vectors("abc", 768), vectors("abc", 20, 1)
    return (
        dna,
        protein,
        write_dna(tmp_path / "x_DNABERT_S.pt", dna),
        write_proteins(tmp_path / "x_ESM.pt", protein[::-1]),
    )


def load(path):
    return torch.load(path, weights_only=True)


def log_of(folder):
    path = folder / "extraction_failures.log"
    return [line.split(" | ")[1:4] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize(("data_type", "labels"), [(None, None), ("host", [0]), ("viral", [1])])
def test_rows_of_one_id_meet_whatever_their_order(tmp_path, files, data_type, labels):
    dna, protein, dna_file, protein_file = files
    merge_data(str(dna_file), str(protein_file), str(tmp_path / "x_merged.pt"), data_type)
    content = load(tmp_path / "x_merged.pt")
    assert list(content) == (["ids", "data", "labels"] if data_type else ["ids", "data"])
    assert content["ids"] == ["a", "b", "c"]
    assert content.get("labels") == labels
    for row, (_, of_dna), (_, of_protein) in zip(content["data"], dna, protein, strict=True):
        assert np.array_equal(row.numpy(), np.concatenate((of_dna, of_protein)))
    manifest = json.loads((tmp_path / "x_merged.pt.json").read_text())
    assert manifest["counts"]["written"] == 3


def test_ids_are_always_as_many_as_rows(tmp_path):
    """Defect 1: VirNucPro keeps every DNA id, so that rows behind a missing one go by the name of another frame."""
    dna_file = write_dna(tmp_path / "x_DNABERT_S.pt", dna := vectors("abcd", 768))
    protein_file = write_proteins(tmp_path / "x_ESM.pt", protein := vectors("acdz", 20, 1))
    merge_data(dna_file, protein_file, tmp_path / "out" / "x_merged.pt")
    content = load(tmp_path / "out" / "x_merged.pt")
    assert content["ids"] == ["a", "c", "d"]
    assert len(content["data"]) == 3
    assert np.array_equal(content["data"][1].numpy(), np.concatenate((dna[2][1], protein[1][1])))
    assert log_of(tmp_path / "out") == [
        [str(dna_file), "b", "NoProteinVector"],
        [str(protein_file), "z", "NoDNAVector"],
    ]
    counts = json.loads((tmp_path / "out" / "x_merged.pt.json").read_text())["counts"]
    assert (counts["read"], counts["written"], counts["failed"]) == (5, 3, 2)


@pytest.mark.parametrize("twice", ["DNABERT_S", "ESM"])
def test_an_id_that_stands_twice_is_named(tmp_path, twice):
    """Defect 4: VirNucPro's dictionaries keep the last vector of an id, and give it to both rows."""
    dna = vectors("abb" if twice == "DNABERT_S" else "abc", 768)
    protein = vectors("abb" if twice == "ESM" else "abc", 20)
    dna_file = write_dna(tmp_path / "x_DNABERT_S.pt", dna)
    protein_file = write_proteins(tmp_path / "x_ESM.pt", protein)
    with pytest.raises(InputError, match=rf"x_{twice}\.pt: repeated IDs b, so it is not known"):
        merge_data(dna_file, protein_file, tmp_path / "x_merged.pt")
    assert not (tmp_path / "x_merged.pt").exists()


def test_files_without_a_common_id(tmp_path):
    dna_file = write_dna(tmp_path / "x_DNABERT_S.pt", vectors("ab", 768))
    protein_file = write_proteins(tmp_path / "x_ESM.pt", vectors("cd", 20))
    with pytest.raises(InputError, match="no ID in common"):
        merge_data(dna_file, protein_file, tmp_path / "x_merged.pt")
    assert len(log_of(tmp_path)) == 4


def test_widths_that_are_not_the_encoder_s(tmp_path):
    dna_file = write_dna(tmp_path / "x_DNABERT_S.pt", vectors("ab", 767))
    protein_file = write_proteins(tmp_path / "x_ESM.pt", vectors("ab", 20))
    with pytest.raises(DimensionError, match="DNA vectors are 767 wide, and those of DNABERT-S are 768"):
        merge_data(dna_file, protein_file, tmp_path / "x_merged.pt")
    write_dna(dna_file, vectors("ab", 768))
    write_extraction_manifest(protein_file, ModelIdentity("p", None, "1" * 64, {"width": 1280}))
    with pytest.raises(DimensionError, match="protein vectors are 20 wide, and those of p are 1280"):
        merge_data(dna_file, protein_file, tmp_path / "x_merged.pt")


def test_vectors_of_several_widths_in_one_file(tmp_path):
    dna_file = write_dna(tmp_path / "x_DNABERT_S.pt", vectors("a", 768) + vectors("b", 700))
    protein_file = write_proteins(tmp_path / "x_ESM.pt", vectors("a", 20) + vectors("b", 21))
    with pytest.raises(DimensionError, match=r"shapes \(700,\), \(768,\)"):
        merge_data(dna_file, protein_file, tmp_path / "x_merged.pt")
    write_dna(dna_file, vectors("ab", 768))
    with pytest.raises(DimensionError, match=r"shapes \(20,\), \(21,\)"):
        merge_data(dna_file, protein_file, tmp_path / "x_merged.pt")


def test_a_dna_id_beside_the_vector_of_another(tmp_path):
    torch.save(
        {"nucleotide": ["a"], "data": [{"label": "b", "mean_representation": [0.0]}]}, tmp_path / "x_DNABERT_S.pt"
    )
    with pytest.raises(StoreError, match="row 0 is of 'b', its id says 'a'"):
        read_dna_features(tmp_path / "x_DNABERT_S.pt")


def test_the_manifests_of_both_files_become_the_feature_spec(tmp_path, files):
    *_, dna_file, protein_file = files
    dna, protein = (
        ModelIdentity("d", "r", "2" * 64, molecule=Molecule.DNA),
        ModelIdentity("p", None, "3" * 64, {"width": 20}),
    )
    write_extraction_manifest(dna_file, dna, window_bp=300)
    write_extraction_manifest(protein_file, protein, window_bp=300, max_residues=1024)
    merge_data(dna_file, protein_file, tmp_path / "x_merged.pt", "viral")
    part = read_merged(tmp_path / "x_merged.pt")
    assert (part.label, part.spec.window_bp) == (1, 300)
    assert (part.spec.dna.identity, part.spec.protein.identity) == (dna, protein)
    write_extraction_manifest(protein_file, protein, window_bp=500)
    with pytest.raises(ConfigError, match=r"windows of different lengths: \[300, 500\]"):
        merge_data(dna_file, protein_file, tmp_path / "y_merged.pt")


def test_a_finished_file_is_kept_and_another_s_is_not_taken_for_it(tmp_path, files, caplog):
    """Defect 2, for merged files: what is there counts only if it was made from just these."""
    dna, _, dna_file, protein_file = files
    out = tmp_path / "x_merged.pt"
    merge_data(dna_file, protein_file, out)
    written = out.stat().st_mtime_ns
    merge_data(dna_file, protein_file, out)
    assert out.stat().st_mtime_ns == written
    with pytest.raises(StoreError, match="labels: None then, non-viral now"):
        merge_data(dna_file, protein_file, out, "host")
    write_dna(dna_file, dna[:2])
    with pytest.raises(StoreError, match=r"input .*x_DNABERT_S\.pt: \d+ bytes \w+ then, \d+ bytes \w+ now"):
        merge_data(dna_file, protein_file, out)
    (tmp_path / "x_merged.pt.json").unlink()
    with caplog.at_level(logging.WARNING):
        merge_data(dna_file, protein_file, out)
    assert "has no manifest: kept" in caplog.text


def test_an_unknown_data_type(tmp_path, files):
    with pytest.raises(ConfigError, match="data_type='phage' must be None, 'viral', 'non-viral' or 'host'"):
        merge_data(files[2], files[3], tmp_path / "x_merged.pt", "phage")


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="this system has no /proc/self/maps")
def test_merged_files_are_mapped_not_read(tmp_path):
    part = read_merged(write_part(tmp_path / "x_merged.pt", ["a_chunk_1F1"] * 5000, np.ones((5000, 16)), 1))
    assert "x_merged.pt" in Path("/proc/self/maps").read_text()
    assert part.table.vectors.sum() == 5000 * 16


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"junk", "should be a merged feature file"),
        ({"ids": ["a", "b"], "data": torch.zeros(1, 768)}, "2 ids beside data of shape"),
        ({"ids": ["a"], "data": torch.zeros(768)}, "beside data of shape"),
        ({"ids": ["a", "b"], "data": torch.zeros(2, 768), "labels": [0, 1]}, "non-viral .0. or viral .1. as a whole"),
        ({"ids": ["a"], "data": torch.zeros(1, 768), "labels": [2]}, "labels"),
        ({"data": torch.zeros(1, 768)}, "ids"),
    ],
)
def test_merged_files_that_are_none(tmp_path, content, told):
    path = tmp_path / "x_merged.pt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(StoreError, match=told):
        read_merged(path)


def test_one_label_per_row_is_read_too(tmp_path):
    torch.save({"ids": ["a", "b"], "data": torch.zeros(2, 768), "labels": torch.tensor([1, 1])}, tmp_path / "x")
    assert read_merged(tmp_path / "x").label == 1


def test_a_merged_file_that_was_changed_after_its_manifest(tmp_path):
    path = write_part(tmp_path / "x_merged.pt", ["a"], np.ones((1, 16)), 1)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StoreError, match="its manifest says"):
        read_merged(path)
    write_part(tmp_path / "y_merged.pt", ["a"], np.ones((1, 17)), 1)
    with pytest.raises(DimensionError, match="rows are 17 wide, its manifest says 16"):
        read_merged(tmp_path / "y_merged.pt")


def test_parts_come_in_the_order_of_their_numbers(tmp_path):
    make_genomes(tmp_path / "v", "viral")
    assert [path.name for path in find_merged_parts(tmp_path / "v")] == ["output_2_merged.pt", "output_10_merged.pt"]
    with pytest.raises(ConfigError, match="no such folder"):
        find_merged_parts(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no"):
        find_merged_parts(tmp_path / "empty")


def test_rows_are_gathered_with_their_labels_and_ids(tmp_path):
    rows = open_labelled_rows(make_genomes(tmp_path / "v", "viral"), make_genomes(tmp_path / "h", "host"))
    whole = np.concatenate([part.table.vectors for part in rows.parts])
    numbers = np.array([383, 0, 200, 95, 96, 0])
    assert np.array_equal(rows.gather(numbers, slice(6, 16)), whole[numbers, 6:])
    assert rows.labels.tolist() == [1] * 192 + [0] * 192
    assert next(iter(rows.ids())) == "viral0_chunk_1F1"
    assert rows.spec == SPEC


def test_folders_that_do_not_go_together(tmp_path):
    viral = make_genomes(tmp_path / "v", "viral")
    with pytest.raises(InputError, match="labelled 1, and was given as non-viral"):
        open_labelled_rows(viral, make_genomes(tmp_path / "x", "viral"))
    with pytest.raises(ConfigError, match="same folder"):
        open_labelled_rows(viral, viral)
    other = SPEC.from_dict({**SPEC.to_dict(), "window_bp": 300})
    with pytest.raises(
        ConfigError, match=r"output_2_merged\.pt does not go with .*window: 500 bp needed, 300 bp found"
    ):
        open_labelled_rows(viral, make_genomes(tmp_path / "h", "host", spec=other))
    with pytest.raises(ConfigError, match=r"--window 300: .* windows of 500 bp"):
        open_labelled_rows(viral, make_genomes(tmp_path / "g", "host"), window_bp=300)


def test_row_ids_say_where_rows_come_from():
    assert split_row_id("NC_1.1_chunk_12R3") == ("NC_1.1", 12, "R3")
    records, windows = number_sources(["a_chunk_1F1", "b_chunk_1F1", "a_chunk_2R1", "a_chunk_2F1"])
    assert records.tolist() == [0, 1, 0, 0]
    assert windows.tolist() == [0, 1, 2, 2]
    for wrong in ("a", "a_chunk_xF1", "a_chunk_1F4", "_chunk_1F1"):
        with pytest.raises(InputError, match="source record is not known"):
            split_row_id(wrong)
