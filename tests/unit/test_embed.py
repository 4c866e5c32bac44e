"""Rows of tokens in, vectors or reasons out, whatever a model does."""

import logging

import numpy as np
import pytest
import torch

from conftest import random_protein
from tolerances import INVARIANCE_FP32
from virnucpro import DimensionError
from virnucpro.embedding.embed import embed_tokens
from virnucpro.models.esm2_checkpoints import ProteinEncoder
from virnucpro.sequences.ragged import Ragged


class Failing(ProteinEncoder):
    """Fails on batches with rows of some lengths."""

    def embed(self, tokens, exact=False):
        self.__dict__.setdefault("sizes", []).append(len(tokens))
        if set(tokens.lengths.tolist()) & self.bad:
            raise self.error
        return super().embed(tokens, exact)


def failing(encoder, bad, error):
    other = Failing(encoder.model, encoder.identity, encoder.placement)
    object.__setattr__(other, "bad", set(bad))
    object.__setattr__(other, "error", error)
    return other


@pytest.fixture
def tokens(protein_encoder):
    generator = np.random.default_rng(8)
    return protein_encoder.tokenise([random_protein(generator, length) for length in range(10, 50)], 100).ragged


def test_an_unexpected_error_costs_only_the_sequences_that_cause_it(protein_encoder, tokens):
    expected = embed_tokens(protein_encoder, tokens).vectors
    encoder = failing(protein_encoder, {15, 40}, ValueError("no kernel\nand a long story"))
    found = embed_tokens(encoder, tokens, max_tokens=4096)
    assert found.failures == dict.fromkeys((3, 28), ("BatchError", "ValueError: no kernel"))
    rows = [row for row in range(40) if row not in found.failures]
    assert np.abs(found.vectors[rows] - expected[rows]).max() <= INVARIANCE_FP32
    assert not found.vectors[[3, 28]].any()


def test_where_a_tiny_sequence_fails_too_the_error_is_raised(protein_encoder, tokens):
    error = RuntimeError("the device is gone")
    encoder = failing(protein_encoder, range(100), error)
    with pytest.raises(RuntimeError) as caught:
        embed_tokens(encoder, tokens)
    assert caught.value is error
    assert encoder.sizes == [40, 1]  # the batch, and the tiny one


def test_where_a_batch_that_was_good_fails_the_error_is_raised(protein_encoder, tokens):
    """As when a device breaks in the middle of a run."""

    class Breaking(Failing):
        def embed(self, tokens, exact=False):
            if len(self.__dict__.setdefault("sizes", [])) >= 3:
                object.__setattr__(self, "bad", set(range(100)))
            return super().embed(tokens, exact)

    encoder = Breaking(protein_encoder.model, protein_encoder.identity, protein_encoder.placement)
    object.__setattr__(encoder, "bad", set())
    object.__setattr__(encoder, "error", RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        embed_tokens(encoder, tokens, max_tokens=60)
    assert encoder.sizes[-1] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, InterruptedError])
def test_interruptions_are_not_caught(protein_encoder, tokens, error):
    encoder = failing(protein_encoder, {15}, error())
    with pytest.raises(error):
        embed_tokens(encoder, tokens)
    assert len(encoder.sizes) == 1


def test_halving_is_told_once_for_each_size(protein_encoder, tokens, caplog):
    encoder = failing(protein_encoder, {15}, torch.OutOfMemoryError("CUDA out of memory"))
    with caplog.at_level(logging.WARNING, "virnucpro.embedding"):
        found = embed_tokens(encoder, tokens, max_tokens=300)
    assert {reason for reason, _ in found.failures.values()} == {"OutOfMemory"}
    told = [record.getMessage() for record in caplog.records if record.name == "virnucpro.embedding"]
    assert told
    assert len(told) == len(set(told))
    assert all("do not fit in memory and are halved" in message for message in told)


def test_vectors_of_another_width_are_an_error(protein_encoder, tokens):
    class Narrow(ProteinEncoder):
        def embed(self, tokens, exact=False):
            return super().embed(tokens, exact)[:, 1:]

    narrow = Narrow(protein_encoder.model, protein_encoder.identity, protein_encoder.placement)
    with pytest.raises(DimensionError, match=r"gave vectors of shape \(40, 127\) for 40 of 128"):
        embed_tokens(narrow, tokens)


def test_rows_are_told_as_they_are_done(protein_encoder, tokens):
    rows = np.array([5, 0, 5, 39, 0, 7])
    doubled = Ragged.of([*tokens.take(rows), np.empty(0, np.uint8)])
    told = []
    found = embed_tokens(protein_encoder, doubled, 60, told.append)
    assert sorted(np.concatenate(told).tolist()) == [0, 1, 2, 3, 4, 5]
    assert list(found.failures) == [6]
    assert found.failures[6][0] == "EmptySequence"
    assert np.array_equal(found.vectors[[0, 1]], found.vectors[[2, 4]])


def test_no_rows_at_all(protein_encoder):
    found = embed_tokens(protein_encoder, protein_encoder.tokenise([], 10).ragged)
    assert (found.vectors.shape, found.failures) == ((0, 128), {})
