"""Layers and pools of the encoders, beside the hidden states that transformers gives for the same weights."""

import numpy as np
import pytest
import torch

from conftest import random_dna, random_protein
from dna_layouts import gte_layers, gte_model, write_dnabert_s
from published_layouts import TINY, write_prefixed
from tolerances import DIFFERENT, INVARIANCE_FP32, PARITY_FP32
from virnucpro import ConfigError
from virnucpro.embedding.embed import embed_tokens
from virnucpro.models.encoders import load_encoder
from virnucpro.models.readout import Readout


@pytest.fixture
def protein(tmp_path):
    """Our encoder, what transformers' model makes of tokens, sequences, and the tokens that count."""
    model = write_prefixed(tmp_path / "protein")
    generator = np.random.default_rng(1)
    sequences = [random_protein(generator, length) for length in (1, 40, 40, 257)]
    encoder = load_encoder(str(tmp_path / "protein"), "cpu", "fp32")
    return encoder, lambda tokens: hidden_states(model, tokens), sequences, slice(1, -1)


@pytest.fixture
def dna(tmp_path):
    model = write_dnabert_s(tmp_path / "dna", gte_model())
    generator = np.random.default_rng(1)
    sequences = [random_dna(generator, length) for length in (30, 30, 700)]
    encoder = load_encoder(str(tmp_path / "dna"), "cpu", "fp32")
    return encoder, lambda tokens: [s.numpy() for s in gte_layers(model, list(tokens))], sequences, slice(None)


@pytest.fixture(params=["protein", "dna"])
def both(request):
    return request.getfixturevalue(request.param)


@torch.inference_mode()
def hidden_states(model, tokens):
    """All states of each sequence alone, shape (layers + 1, tokens, D)."""
    ids = [torch.from_numpy(row.astype(np.int64))[None] for row in tokens]
    found = [model(input_ids=i, attention_mask=torch.ones_like(i), output_hidden_states=True) for i in ids]
    return [torch.stack(one.hidden_states)[:, 0].numpy() for one in found]


def test_every_layer_is_transformers_s(both):
    encoder, states_of, sequences, used = both
    tokens = encoder.tokenise(sequences, 1024).ragged
    expected = states_of(tokens)
    for layer in range(-len(expected[0]), len(expected[0])):
        found = embed_tokens(encoder.reading(Readout((layer,), "none")), tokens)
        states = np.concatenate([one[layer, used] for one in expected])
        assert np.abs(found.vectors - states).max() <= PARITY_FP32


@pytest.mark.parametrize("pool", ["mean", "max", "cls"])
def test_every_pool_is_of_those_states(both, pool):
    encoder, states_of, sequences, used = both
    tokens = encoder.tokenise(sequences, 1024).ragged
    found = embed_tokens(encoder.reading(Readout((1, -1), pool)), tokens).vectors
    pools = {"mean": lambda s: s[:, used].mean(1), "max": lambda s: s[:, used].max(1), "cls": lambda s: s[:, 0]}
    expected = np.stack([pools[pool](one)[[1, -1]].ravel() for one in states_of(tokens)])
    assert found.shape == (len(sequences), 2 * encoder.width)
    assert np.abs(found - expected).max() <= PARITY_FP32


def test_blocks_behind_the_last_layer_do_not_run(protein):
    encoder, _, sequences, _ = protein
    tokens = encoder.tokenise(sequences, 1024).ragged
    expected = embed_tokens(encoder.reading(Readout((0, 1))), tokens).vectors
    encoder.model.layers[1].forward = lambda *_: pytest.fail("a block ran for nothing")
    assert np.array_equal(embed_tokens(encoder.reading(Readout((0, 1))), tokens).vectors, expected)
    with pytest.raises(pytest.fail.Exception):
        embed_tokens(encoder, tokens)


def test_residues_keep_their_sequence_in_any_company(protein):
    """Repeats share a computation, an empty row has no residue, and one that fails costs no other its vectors."""
    encoder, _, sequences, _ = protein
    reader = encoder.reading(Readout(pool="none"))
    texts = [sequences[3], "", sequences[1], sequences[3], "MKVLA", sequences[1]]
    tokens = reader.tokenise(texts, 1024).ragged
    found = embed_tokens(reader, tokens, max_tokens=60)
    assert found.counts.tolist() == [len(text) for text in texts]
    assert list(found.failures) == [1]
    rows = np.split(found.vectors, np.cumsum(found.counts)[:-1])
    assert np.array_equal(rows[0], rows[3])
    assert np.array_equal(rows[2], rows[5])
    for text, row in zip(texts, rows, strict=True):
        if text:
            alone = reader.embed(reader.tokenise([text], 1024).ragged)
            assert np.abs(row - alone).max() <= INVARIANCE_FP32
    assert np.abs(rows[2][:5] - rows[4]).max() > DIFFERENT


def test_a_residue_that_is_not_finite_costs_its_sequence_alone(protein, monkeypatch):
    encoder, _, sequences, _ = protein
    reader = encoder.reading(Readout(pool="none"))
    tokens = reader.tokenise(sequences, 1024).ragged
    expected = embed_tokens(reader, tokens).vectors
    embed = type(reader).embed

    def overflowing(self, tokens, exact=False):
        vectors = embed(self, tokens, exact).copy()
        owners = np.repeat(tokens.lengths, self.vectors_of(tokens))
        vectors[np.flatnonzero(owners == 259)[3:4]] = np.inf
        return vectors

    monkeypatch.setattr(type(reader), "embed", overflowing)
    found = embed_tokens(reader, tokens)
    assert {row: reason for row, (reason, _) in found.failures.items()} == {3: "NotFinite"}
    assert not found.vectors[81:].any()
    assert np.abs(found.vectors[:81] - expected[:81]).max() <= INVARIANCE_FP32


def test_mini_offers_no_choice():
    encoder = load_encoder("mini", "cpu", "fp32")
    assert encoder.reading(Readout()) is encoder
    with pytest.raises(ConfigError, match="mini makes one vector of a whole sequence"):
        encoder.reading(Readout(pool="none"))


def test_a_layer_that_the_model_has_not(protein):
    encoder = protein[0]
    assert TINY["num_hidden_layers"] == 3
    with pytest.raises(ConfigError, match="there is no layer 4: the model has layers 0 to 3"):
        encoder.reading(Readout((4,)))
