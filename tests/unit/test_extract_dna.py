"""extract_DNABERT_S as existing scripts call it."""

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from conftest import random_dna, write_fasta
from dna_layouts import dna_config, gte_model, gte_states, published_dna_state, published_tokenizer
from tolerances import DIFFERENT, INVARIANCE_FP32, PARITY_FP32
from virnucpro import ConfigError, InputError, StoreError, WeightsError, compat, extract_DNABERT_S, extract_fast_esm
from virnucpro.verbs import given_models


@pytest.fixture
def windows():
    generator = np.random.default_rng(6)
    return [(f"w{i}F1", random_dna(generator, int(generator.integers(20, 500)))) for i in range(12)]


@pytest.fixture
def fasta(tmp_path, windows):
    return write_fasta(tmp_path / "output_1.fa", windows)


class RemoteCodeModel(torch.nn.Module):
    """DNABERT-S as transformers makes it with remote code, as far as this package looks at it."""

    def __init__(self, model):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.model = [model]
        self.config = type("BertConfig", (), {"to_dict": lambda _: dna_config(model)})()

    def state_dict(self):
        return published_dna_state(self.model[0])


def test_a_script_reads_what_is_written(dna_encoder, fasta, windows, tmp_path):
    out = tmp_path / "output_1_DNABERT_S.pt"
    ids, vectors = extract_DNABERT_S(input_file=str(fasta), out_file=str(out), model_loaded=True, model=dna_encoder)
    content = torch.load(out, weights_only=True)
    assert ids == content["nucleotide"] == [id_ for id_, _ in windows]
    for item, vector in zip(content["data"], vectors, strict=True):
        assert torch.equal(torch.tensor(item["mean_representation"]), vector)
    manifest = json.loads((tmp_path / "output_1_DNABERT_S.pt.json").read_text())
    assert manifest["models"]["dna"]["molecule"] == "dna"
    assert manifest["counts"]["written"] == len(windows)


def test_a_finished_file_is_read_and_nothing_computed(dna_encoder, fasta, windows, tmp_path, monkeypatch):
    out = tmp_path / "x_DNABERT_S.pt"
    first = extract_DNABERT_S(fasta, out, True, model=dna_encoder)
    monkeypatch.setattr(type(dna_encoder), "embed", None)
    second = extract_DNABERT_S(fasta, out, True, model=dna_encoder)
    assert first[0] == second[0]
    assert all(torch.equal(a, b) for a, b in zip(first[1], second[1], strict=True))
    write_fasta(fasta, windows[::-1])
    with pytest.raises(StoreError, match=r"input .*output_1\.fa: \d+ bytes \w+ then, \d+ bytes \w+ now"):
        extract_DNABERT_S(fasta, out, True, model=dna_encoder)


def test_without_a_file_and_with_case_and_gaps(dna_encoder, tmp_path, caplog):
    records = [("a", "ACGTACGTNA"), ("a", "acgtacgtna"), ("none", ""), ("u", "ACGUACGTNA")]
    ids, vectors = extract_DNABERT_S(write_fasta(tmp_path / "x.fa", records), None, True, model=dna_encoder)
    assert ids == ["a", "a", "u"]
    assert (vectors[0] - vectors[1]).abs().max() <= INVARIANCE_FP32
    assert (vectors[0] - vectors[2]).abs().max() > DIFFERENT  # U is not taken for T
    assert "no vector for none" in caplog.text


def test_long_sequences_are_cut_where_the_docs_say(dna_encoder, tmp_path):
    long = random_dna(np.random.default_rng(1), 300)
    assert compat.DNA_MAX_LETTERS == 10_000
    assert dna_encoder.tokenise([long], 100).truncated[0]
    assert (
        dna_encoder.tokenise([long], 100).ragged[0].tolist()
        == dna_encoder.tokenise([long[:100]], 100).ragged[0].tolist()
    )


def test_a_model_of_transformers_is_copied_with_its_tokenizer(fasta, windows):
    gte, backend = gte_model(), published_tokenizer()
    model, tokenizer = RemoteCodeModel(gte), PreTrainedTokenizerFast(tokenizer_object=backend)
    _, vectors = extract_DNABERT_S(fasta, None, model_loaded=True, tokenizer=tokenizer, model=model)
    plain = Tokenizer.from_str(backend.to_str())
    plain.no_padding()
    plain.no_truncation()
    tokens = [np.array(plain.encode(sequence).ids) for _, sequence in windows]
    expected = [states.mean(0) for states in gte_states(gte, tokens)]
    assert max((a - b).abs().max() for a, b in zip(vectors, expected, strict=True)) <= PARITY_FP32
    assert given_models.dna_model(model, tokenizer) is given_models.dna_model(model, tokenizer)
    before = given_models.dna_model(model, tokenizer).identity
    with torch.no_grad():
        gte.embeddings.word_embeddings.weight.mul_(2)
    assert given_models.dna_model(model, tokenizer).identity.weights_sha256 != before.weights_sha256
    with pytest.raises(WeightsError, match="tokenizer is a NoneType"):
        extract_DNABERT_S(fasta, None, model_loaded=True, model=RemoteCodeModel(gte))


def test_the_default_model_is_read_once(dna_encoder, fasta, monkeypatch):
    reads = []
    monkeypatch.setattr("virnucpro.verbs.embedding_model.find_checkpoint", lambda name: reads.append(name) or name)
    monkeypatch.setattr("virnucpro.models.encoders.encoder_of", lambda *_: dna_encoder)
    given_models.default_model.cache_clear()
    try:
        extract_DNABERT_S(fasta, None)
        extract_DNABERT_S(fasta, None)
    finally:
        given_models.default_model.cache_clear()
    assert reads == ["dnabert-s"]


def test_what_does_not_fit_together(protein_encoder, dna_encoder, fasta):
    with pytest.raises(ConfigError, match="model_loaded=True, but model is NoneType"):
        extract_DNABERT_S(fasta, None, model_loaded=True)
    with pytest.raises(ConfigError, match="model_loaded=False, but model is DnaEncoder"):
        extract_DNABERT_S(fasta, None, model=dna_encoder)
    with pytest.raises(ConfigError, match="model random reads protein, not dna"):
        extract_DNABERT_S(fasta, None, model_loaded=True, model=protein_encoder)
    with pytest.raises(ConfigError, match="model random-dna reads dna, not protein"):
        extract_fast_esm(fasta, model=dna_encoder)
    with pytest.raises(WeightsError, match="model is a Linear"):
        extract_DNABERT_S(fasta, None, model_loaded=True, model=torch.nn.Linear(2, 2))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=published_tokenizer())
    with pytest.raises(ConfigError, match="whose vocabulary is not that of the model"):
        extract_DNABERT_S(fasta, None, model_loaded=True, model=dna_encoder, tokenizer=tokenizer)


def test_bad_input_is_an_error_and_no_file(dna_encoder, tmp_path):
    with pytest.raises(InputError, match="none of its 1 sequences"):
        extract_DNABERT_S(write_fasta(tmp_path / "e.fa", [("a", "")]), tmp_path / "x.pt", True, model=dna_encoder)
    assert not list(tmp_path.glob("*.pt*"))
