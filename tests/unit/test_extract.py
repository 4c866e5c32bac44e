"""The functions that existing scripts call."""

import gc
import json
import logging
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertTokenizerFast, EsmForMaskedLM, EsmTokenizer

import virnucpro
from conftest import write_fasta
from published_layouts import TINY, transformers_model
from tolerances import DIFFERENT, INVARIANCE_FP32, PARITY_FP32
from virnucpro import (
    ConfigError,
    DimensionError,
    InputError,
    StoreError,
    WeightsError,
    extract_esm,
    extract_fast_esm,
    load_encoder,
    split_fasta_file,
    validate_embeddings,
)
from virnucpro.models.catalog import DEFAULT_MODEL, catalogue_identity
from virnucpro.models.pack import Pack
from virnucpro.models.placement import choose_placement
from virnucpro.models.tokens import VOCABULARY
from virnucpro.verbs import given_models


def test_labels_and_vectors_in_file_order(protein_encoder, fasta, proteins):
    ids, data = extract_fast_esm(fasta, model=protein_encoder)
    assert ids == [id_ for id_, _ in proteins]
    assert all(v.shape == (128,) and v.dtype == torch.float32 and v.device.type == "cpu" for v in data)
    assert validate_embeddings(ids, data, expected_dim=128) == []


def test_rows_of_one_id_stay_apart(protein_encoder, tmp_path):
    ids, data = extract_fast_esm(
        write_fasta(tmp_path / "x.fa", [("a", "MKV"), ("a", "WWW"), ("b", "M")]), model=protein_encoder
    )
    assert ids == ["a", "a", "b"]
    assert not torch.equal(data[0], data[1])


def test_the_mean_is_over_residues_only(protein_encoder, tmp_path):
    _, data = extract_fast_esm(write_fasta(tmp_path / "x.fa", [("a", "MKVLAGW")]), model=protein_encoder)
    hidden = protein_encoder.model(Pack.of(protein_encoder.tokenise(["MKVLAGW"], 99).ragged))
    assert (data[0] - hidden[1:-1].mean(0)).abs().max() <= PARITY_FP32
    assert (data[0] - hidden.mean(0)).abs().max() > DIFFERENT


def test_a_finished_file_is_read_and_nothing_computed(protein_encoder, fasta, tmp_path, monkeypatch):
    out = tmp_path / "x_ESM.pt"
    first = extract_fast_esm(fasta, out, model=protein_encoder)
    monkeypatch.setattr(type(protein_encoder), "embed", None)
    second = extract_fast_esm(str(fasta), str(out), model=protein_encoder)
    assert first[0] == second[0]
    assert all(torch.equal(a, b) for a, b in zip(first[1], second[1], strict=True))


def test_a_changed_input_is_not_taken_for_the_old_one(protein_encoder, fasta, tmp_path, proteins):
    out = tmp_path / "x_ESM.pt"
    extract_fast_esm(fasta, out, model=protein_encoder)
    write_fasta(fasta, proteins[::-1])
    with pytest.raises(StoreError, match=r"input .*proteins\.faa: \d+ bytes \w+ then, \d+ bytes \w+ now"):
        extract_fast_esm(fasta, out, model=protein_encoder)


def test_other_settings_are_not_taken_for_the_old_ones(protein_encoder, fasta, tmp_path):
    out = tmp_path / "x_ESM.pt"
    extract_fast_esm(fasta, out, model=protein_encoder)
    extract_fast_esm(fasta, out, model=protein_encoder, toks_per_batch=100)  # gives the same vectors
    with pytest.raises(StoreError, match="max_residues: 1024 then, 9 now"):
        extract_fast_esm(fasta, out, model=protein_encoder, truncation_seq_length=9)


def test_a_file_without_a_manifest_is_kept_with_a_warning(protein_encoder, fasta, tmp_path, caplog):
    out = tmp_path / "x_ESM.pt"
    torch.save({"proteins": ["old"], "data": [torch.zeros(4)]}, out)
    with caplog.at_level(logging.WARNING):
        ids, _ = extract_fast_esm(fasta, out, model=protein_encoder)
    assert ids == ["old"]
    assert "has no manifest: kept" in caplog.text


def test_a_transformers_model_is_copied_once(fasta):
    model = transformers_model(TINY, EsmForMaskedLM)
    _, data = extract_fast_esm(fasta, model=model)
    record = next(iter(virnucpro.sequences.reading.SequenceFile(fasta)))
    tokens = torch.tensor([[VOCABULARY.index(letter) for letter in record.sequence]])
    ids_row = torch.cat((torch.tensor([[0]]), tokens, torch.tensor([[2]])), 1)
    with torch.inference_mode():
        expected = model.esm(ids_row, attention_mask=torch.ones_like(ids_row)).last_hidden_state[0, 1:-1].mean(0)
    assert (data[0] - expected).abs().max() <= PARITY_FP32
    assert given_models.protein_model(model) is given_models.protein_model(model)


def test_a_transformers_model_keeps_its_number_format(fasta):
    encoder = given_models.protein_model(transformers_model(TINY).bfloat16()).encoder
    assert encoder.model.dtype == torch.bfloat16
    assert encoder.model.inverse_frequencies.dtype == torch.float32


def test_models_that_are_none(fasta):
    with pytest.raises(ConfigError, match="str"):
        extract_fast_esm(fasta, model="esm2-8m")
    with pytest.raises(WeightsError, match="Linear"):
        extract_fast_esm(fasta, model=torch.nn.Linear(3, 3))


@pytest.fixture
def default(protein_encoder, monkeypatch):
    """A random encoder in place of the default model; counts how often weights are read."""
    reads = []
    monkeypatch.setattr("virnucpro.verbs.embedding_model.find_checkpoint", lambda name: reads.append(name) or name)
    named = replace(protein_encoder, identity=replace(protein_encoder.identity, name="elsewhere"))
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", lambda *_: named)
    given_models.default_model.cache_clear()
    yield reads
    given_models.default_model.cache_clear()


def test_the_default_model_is_read_once(default, fasta):
    extract_fast_esm(fasta)
    extract_fast_esm(fasta)
    assert default == [DEFAULT_MODEL]


def test_tokenizers(protein_encoder, tmp_path):
    fasta = write_fasta(tmp_path / "x.fa", [("a", "MKV")])
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    extract_fast_esm(fasta, model=protein_encoder, tokenizer=EsmTokenizer(tmp_path / "vocab.txt"))
    for other in (BertTokenizerFast(), object()):
        with pytest.raises(ConfigError, match="ESM's 33 tokens"):
            extract_fast_esm(fasta, model=protein_encoder, tokenizer=other)


@pytest.mark.parametrize("limits", [{"truncation_seq_length": 0}, {"toks_per_batch": 0}])
def test_limits_must_be_positive(protein_encoder, fasta, limits):
    with pytest.raises(ConfigError, match=f"{next(iter(limits))}=0"):
        extract_fast_esm(fasta, model=protein_encoder, **limits)


@pytest.mark.parametrize("out", [None, "x_ESM.pt"])
def test_bad_input_is_an_error_and_no_file(protein_encoder, tmp_path, out):
    out = out and tmp_path / out
    with pytest.raises(InputError, match=r"(N|n)o such file"):
        extract_fast_esm(tmp_path / "absent.fa", out, model=protein_encoder)
    with pytest.raises(InputError, match="holds no sequences"):
        extract_fast_esm(write_fasta(tmp_path / "empty.fa", []), out, model=protein_encoder)
    with pytest.raises(InputError, match="none of its 2 sequences"):
        extract_fast_esm(write_fasta(tmp_path / "stops.fa", [("a", "*"), ("b", "")]), out, model=protein_encoder)
    assert not list(tmp_path.glob("*.pt*"))


def test_failures_without_a_file_are_warned_of(protein_encoder, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        ids, _ = extract_fast_esm(write_fasta(tmp_path / "x.fa", [("a", "*"), ("b", "M")]), model=protein_encoder)
    assert ids == ["b"]
    assert "no vector for a" in caplog.text


def test_the_manifest_counts_what_was_done(protein_encoder, tmp_path):
    fasta = write_fasta(tmp_path / "x.fa", [("a", "MKJ*V" * 4), ("b", "*"), ("c", "M" * 50)])
    extract_fast_esm(fasta, tmp_path / "x_ESM.pt", model=protein_encoder, truncation_seq_length=30)
    manifest = json.loads((tmp_path / "x_ESM.pt.json").read_text())
    assert manifest["counts"] == {"read": 3, "written": 2, "truncated": 1, "failed": 1, "residues": 50}
    assert manifest["replaced_residues"] == [[1, "a", 8]]
    assert manifest["models"]["protein"]["name"] == "random"
    assert manifest["models"]["protein"]["architecture"]["token_dropout"] is True


def test_large_files_go_chunk_by_chunk(protein_encoder, fasta, monkeypatch, proteins):
    whole = extract_fast_esm(fasta, model=protein_encoder)
    monkeypatch.setattr("virnucpro.verbs.embed_arrays.RECORDS_AT_A_TIME", 7)
    chunks = extract_fast_esm(fasta, model=protein_encoder)
    assert chunks[0] == whole[0]
    assert np.abs(torch.stack(chunks[1]).numpy() - torch.stack(whole[1]).numpy()).max() <= INVARIANCE_FP32


def test_validation_messages():
    good = torch.zeros(4)
    assert validate_embeddings(["a"], [good], 4) == []
    assert validate_embeddings(["a", "b"], [good], 4) == ["count: 2 ids for 1 vectors"]
    assert validate_embeddings(["a"], [np.zeros(3)], 4) == ["dimension: row 0 (a) has shape (3,) instead of (4,)"]
    assert validate_embeddings(["a"], [torch.tensor([0, np.nan, np.nan, np.inf])], 4) == [
        "NaN: row 0 (a) has 2",
        "infinity: row 0 (a) has 1",
    ]


def test_splitting(tmp_path, fasta, proteins):
    parts = split_fasta_file(fasta, tmp_path / "parts", 12)
    assert [path.name for path in parts] == ["output_1.fa", "output_2.fa", "output_3.fa"]
    reread = [(r.id, r.sequence) for path in parts for r in virnucpro.sequences.reading.SequenceFile(path)]
    assert reread == proteins
    with pytest.raises(StoreError, match=r"output_3\.fa from an earlier split"):
        split_fasta_file(fasta, tmp_path / "parts", 20)
    with pytest.raises(ConfigError, match="sequences_per_file=0"):
        split_fasta_file(fasta, tmp_path / "parts", 0)
    with pytest.raises(InputError, match="holds no sequences"):
        split_fasta_file(write_fasta(tmp_path / "empty.fa", []), tmp_path / "none", 3)


def test_the_old_function_names_its_replacement():
    with pytest.raises(NotImplementedError, match="extract_fast_esm"):
        extract_esm("x.fa", model=None)


def test_public_names_are_all_there():
    assert all(getattr(virnucpro, name) is not None for name in virnucpro.__all__)
    assert dir(virnucpro) == virnucpro.__all__
    with pytest.raises(AttributeError, match="nonsense"):
        virnucpro.nonsense  # noqa: B018


def test_unknown_models():
    with pytest.raises(ConfigError, match="neither a known name"):
        load_encoder("esm3")


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.load_state_dict(transformers_model(TINY, seed=8).state_dict()),
        lambda model: model.encoder.layer[0].output.dense.bias.data.add_(0.5),
        lambda model: model.encoder.layer[1].output.dense.weight.data[5].__setitem__(3, 5.0),  # one number
        lambda model: model.encoder.layer[1].output.dense.weight.data.copy_(
            model.encoder.layer[1].output.dense.weight.data.flip(0).clone()  # the same numbers elsewhere
        ),
        lambda model: model.half().float(),  # in the same memory perhaps
        lambda model: setattr(model.config, "token_dropout", False),
    ],
)
def test_a_transformers_model_that_changes_gives_other_vectors_and_another_digest(fasta, change):
    model = transformers_model(TINY)
    before, first = given_models.protein_model(model), extract_fast_esm(fasta, model=model)[1]
    change(model)
    after, second = given_models.protein_model(model), extract_fast_esm(fasta, model=model)[1]
    assert before.identity != after.identity
    assert not torch.equal(first[0], second[0])


def test_a_transformers_model_that_changes_its_number_format_is_followed():
    model = transformers_model(TINY)
    assert given_models.protein_model(model).encoder.model.dtype == torch.float32
    assert given_models.protein_model(model.half()).encoder.model.dtype == torch.float16


def test_a_number_format_that_no_encoder_has(fasta):
    with pytest.raises(ConfigError, match=r"torch\.float64.*\.float\(\)"):
        extract_fast_esm(fasta, model=transformers_model(TINY).double())


def test_splitting_again_gives_the_same_parts_and_a_longer_split_is_not_half_overwritten(tmp_path, fasta):
    folder = tmp_path / "parts"
    first = {path.name: path.read_bytes() for path in split_fasta_file(fasta, folder, 12)}
    assert {path.name: path.read_bytes() for path in split_fasta_file(fasta, folder, 12)} == first
    with pytest.raises(StoreError, match=r"output_3\.fa from an earlier split"):
        split_fasta_file(fasta, folder, 20)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_a_copy_goes_with_its_model(fasta):
    model = transformers_model(TINY)
    extract_fast_esm(fasta, model=model)
    copied = weakref.ref(given_models.protein_model(model).encoder)
    del model
    gc.collect()
    assert copied() is None


def test_a_finished_file_needs_no_weights(protein_encoder, fasta, tmp_path, monkeypatch):
    """What the default model made is told by the catalogue's revision, on machines without its weights too."""
    out = tmp_path / "x_ESM.pt"
    identity = replace(catalogue_identity(DEFAULT_MODEL), weights_sha256="f" * 64)
    monkeypatch.setattr("virnucpro.features.vectors.catalogue_width", lambda _: 128)
    placed = replace(protein_encoder, identity=identity, placement=choose_placement())
    first = extract_fast_esm(fasta, out, model=placed)
    monkeypatch.setattr(
        "virnucpro.verbs.embedding_model.find_checkpoint", lambda _: pytest.fail("weights were asked for")
    )
    given_models.default_model.cache_clear()
    second = extract_fast_esm(fasta, out)
    assert first[0] == second[0]
    assert all(torch.equal(a, b) for a, b in zip(first[1], second[1], strict=True))


def test_overwriting(protein_encoder, fasta, tmp_path):
    out = tmp_path / "x_ESM.pt"
    torch.save({"proteins": ["old"], "data": [torch.zeros(4)]}, out)
    extract_fast_esm(fasta, out, model=protein_encoder, overwrite=True)
    ids, _ = extract_fast_esm(fasta, out, model=protein_encoder, truncation_seq_length=9, overwrite=True)
    assert len(ids) == 30
    assert json.loads((tmp_path / "x_ESM.pt.json").read_text())["settings"]["max_residues"] == 9


@pytest.mark.parametrize("out", [None, "x_ESM.pt"])
def test_a_row_can_be_saved_alone(protein_encoder, fasta, tmp_path, out):
    _, data = extract_fast_esm(fasta, out and tmp_path / out, model=protein_encoder)
    torch.save(data[3], tmp_path / "row.pt")
    assert (tmp_path / "row.pt").stat().st_size < 4 * 128 + 2000
    data[0].zero_()
    assert data[1].any()


@pytest.mark.parametrize("out", [None, "x_ESM.pt"])
def test_vectors_of_another_width_than_the_catalogue_s_are_refused(protein_encoder, fasta, tmp_path, out):
    published = replace(protein_encoder, identity=replace(catalogue_identity(DEFAULT_MODEL), weights_sha256="f" * 64))
    with pytest.raises(DimensionError, match="fastesm2-650 gave 128 numbers per vector instead of 1280"):
        extract_fast_esm(fasta, out and tmp_path / out, model=published)
    assert not list(tmp_path.glob("*.pt*"))


def test_what_is_saved_and_skipped_is_logged(protein_encoder, fasta, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "virnucpro.runs"):
        extract_fast_esm(fasta, tmp_path / "x_ESM.pt", model=protein_encoder)
        assert f"{fasta}: 1 of 1 parts computed, results saved: 30 read, 30 written, 0 failed" in caplog.text
        extract_fast_esm(fasta, tmp_path / "x_ESM.pt", model=protein_encoder)
    assert f"{fasta}: already finished, skipped" in caplog.text


def test_a_file_that_a_function_refuses_is_in_the_failure_log(tmp_path, protein_encoder):
    bad = tmp_path / "bad.faa"
    bad.write_text("no header\n")
    for _ in range(2):
        with pytest.raises(InputError, match="neither FASTA nor FASTQ"):
            extract_fast_esm(bad, tmp_path / "bad_ESM.pt", model=protein_encoder)
        (line,) = (tmp_path / "extraction_failures.log").read_text().splitlines()
        assert line.split(" | ")[1:4] == [str(bad), "-", "InputError"]
    assert not (tmp_path / "bad_ESM.pt").exists()
