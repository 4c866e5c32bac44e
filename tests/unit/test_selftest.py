"""The self-test tells what is broken in a line of its own, and takes a rescued vector for a right one."""

import dataclasses

import numpy as np
import pytest
import torch

from virnucpro.models.esm2_checkpoints import ProteinEncoder
from virnucpro.verbs.selftest import self_test


class Wrong(ProteinEncoder):
    """Gives no finite number; in float32 it does, unless it is hopeless."""

    hopeless = True

    def embed(self, tokens, exact=False):
        vectors = super().embed(tokens, exact)
        return vectors if exact and not self.hopeless else np.full_like(vectors, np.nan)


class Rescued(Wrong):
    """Overflows in half precision."""

    hopeless = False


def in_half(protein_encoder, kind):
    placement = dataclasses.replace(protein_encoder.placement, dtype=torch.float16)
    return kind(protein_encoder.model, protein_encoder.identity, placement)


def test_an_extraction_that_fails_is_one_failed_check(protein_encoder):
    checks = list(self_test(in_half(protein_encoder, Wrong)))
    assert [(check.name, check.passed) for check in checks] == [("file", False)]
    assert "none of its 6 sequences" in checks[0].found


def test_vectors_that_were_rescued_pass(protein_encoder):
    checks = list(self_test(in_half(protein_encoder, Rescued)))
    assert [check.name for check in checks if not check.passed] == []
    assert "batch equals single" in {check.name for check in checks}


@pytest.mark.parametrize("at", [20, 1024])
def test_one_sequence_without_a_vector_fails_the_comparison_and_ends_nothing(protein_encoder, at, monkeypatch):
    embed = ProteinEncoder.embed

    def sometimes(self, tokens, exact=False):
        vectors = embed(self, tokens, exact).copy()
        vectors[tokens.lengths == at + 2] = np.nan
        return vectors

    monkeypatch.setattr(ProteinEncoder, "embed", sometimes)
    failed = {check.name for check in self_test(protein_encoder) if not check.passed}
    assert {"count", "batch equals single"} <= failed
