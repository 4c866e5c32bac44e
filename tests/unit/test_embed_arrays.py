"""`embed` in a notebook: one row per sequence, in order, the vectors of files."""

import logging

import numpy as np
import pytest
import torch

import virnucpro as vn
from conftest import write_fasta
from tolerances import INVARIANCE_FP32
from virnucpro.models.esm2_checkpoints import ProteinEncoder


@pytest.fixture
def options(models):
    return {"model": str(models / "protein"), "device": "cpu", "dtype": "fp32"}


def test_rows_are_those_of_files_in_order(tmp_path, fasta, proteins, options):
    found = vn.embed([sequence for _, sequence in proteins], **options)
    assert (found.shape, found.dtype) == ((30, 128), np.float32)
    vn.embed_files(fasta, tmp_path, **options)
    saved = torch.load(tmp_path / "proteins_ESM.pt", weights_only=True)
    assert np.array_equal(found, np.stack([row.numpy() for row in saved["data"]]))
    assert np.array_equal(found, vn.embed(fasta, **options))
    reverse = vn.embed(dict(proteins[::-1]), **options)
    assert np.abs(found[::-1] - reverse).max() <= INVARIANCE_FP32


def test_an_encoder_is_loaded_once_and_used_often(proteins, options, monkeypatch):
    expected = vn.embed(dict(proteins), **options)
    encoder = vn.load_encoder(options["model"], "cpu", "fp32")
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", None)
    assert np.array_equal(vn.embed(dict(proteins), encoder), expected)


def test_residues_layers_and_pools(proteins, options):
    texts = [sequence for _, sequence in proteins]
    residues = vn.embed(texts, per_residue=True, **options)
    assert [one.shape for one in residues] == [(len(text), 128) for text in texts]
    means = vn.embed(texts, **options)
    assert np.abs(np.stack([one.mean(0) for one in residues]) - means).max() <= INVARIANCE_FP32
    maxima = vn.embed(texts, pool="max", **options)
    assert np.abs(np.stack([one.max(0) for one in residues]) - maxima).max() <= INVARIANCE_FP32
    both = vn.embed(texts, layers=[0, -1], **options)
    assert both.shape == (30, 256)
    assert np.abs(both[:, 128:] - means).max() <= INVARIANCE_FP32
    assert np.abs(both[:, :128] - means).max() > 0.1
    assert [len(one) for one in vn.embed(texts, pool="none", layers=[1, 2], **options)] == [len(t) for t in texts]


def test_a_warning_names_the_keyword_that_takes_more_letters(options, caplog):
    with caplog.at_level(logging.WARNING, "virnucpro"):
        vn.embed(["MKVLA", "MKV"], max_residues=4, **options)
    (told,) = [record.getMessage() for record in caplog.records]
    assert "1 of 2 sequences (50 %) are longer than 4 letters; the rest is not used. Raise max_residues to use" in told


def test_a_sequence_without_a_vector_is_named_or_nan(options, caplog):
    given = {"a": "MKV", "b": "*", "c": "", "d": "MKVL"}
    with pytest.raises(vn.InputError) as caught:
        vn.embed(given, **options)
    assert "2 sequences have no vector" in str(caught.value)
    assert "record 2 (b): nothing is left of it after cleaning" in str(caught.value)
    assert "on_failure='nan'" in str(caught.value)
    with caplog.at_level(logging.WARNING, "virnucpro"):
        found = vn.embed(given, on_failure="nan", **options)
    assert "record 3 (c)" in caplog.text
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, False]
    assert np.abs(found[[0, 3]] - vn.embed(["MKV", "MKVL"], **options)).max() <= INVARIANCE_FP32
    rows = vn.embed(given, on_failure="nan", per_residue=True, **options)
    assert [len(one) for one in rows] == [3, 0, 0, 4]
    with pytest.raises(vn.ConfigError, match="choose raise or nan"):
        vn.embed(given, on_failure="drop", **options)


def test_a_device_failure_names_the_sequence(proteins, options, monkeypatch):
    embed = ProteinEncoder.embed
    longest = max(len(sequence) for _, sequence in proteins)

    def small(self, tokens, exact=False):
        if max(map(len, tokens)) > longest:
            raise torch.OutOfMemoryError
        return embed(self, tokens, exact)

    monkeypatch.setattr(ProteinEncoder, "embed", small)
    long = [name for name, sequence in proteins if len(sequence) + 2 > longest]
    with pytest.raises(vn.InputError, match=rf"\({long[0]}\): does not fit in memory even alone"):
        vn.embed(dict(proteins), **options)


@pytest.mark.parametrize(
    ("choice", "error", "told"),
    [
        ({"layers": [5]}, vn.ConfigError, "there is no layer 5: the model has layers 0 to 3"),
        ({"pool": "median"}, vn.ConfigError, "pool is 'median'"),
        ({"pool": "cls", "per_residue": True}, vn.ConfigError, "nothing to pool by 'cls'"),
        ({"model": "mini", "pool": "max"}, vn.ConfigError, "mini makes one vector of a whole sequence"),
        ({"laers": [1]}, TypeError, "did you mean layers"),
        ({"model": "esm2-3b", "layers": [37]}, vn.ConfigError, "layers 0 to 36"),
    ],
)
def test_choices_that_are_none_need_no_weights(choice, error, told, options, monkeypatch):
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", lambda *_: pytest.fail("weights were read"))
    with pytest.raises(error, match=told):
        vn.embed("MKV", **options | choice)


def test_sequences_of_the_other_kind_are_refused(options):
    with pytest.raises(vn.InputError, match="looks like nucleotides, not proteins"):
        vn.embed(["ACGT" * 50], **options)


def test_progress_ends_at_all_residues(fasta, proteins, options):
    said = []
    vn.embed(
        fasta, progress=lambda state: said.append((state.done, state.total, state.unit)), max_residues=100, **options
    )
    residues = sum(min(len(sequence), 100) for _, sequence in proteins)
    assert said[-1] == (residues, residues, "aa")


def test_an_empty_file_is_an_error(tmp_path, options):
    with pytest.raises(vn.InputError, match="holds no sequences"):
        vn.embed(write_fasta(tmp_path / "x.faa", []), **options)
