"""A nucleotide sequence's vector is the same in any company, and its tokens read backwards give the same backwards."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dna_layouts import VOCABULARY, write_dnabert_s
from tolerances import INVARIANCE_FP32
from virnucpro.models.encoders import load_encoder
from virnucpro.models.pack import Pack

dna = st.text(alphabet="ACGTNacgtu", min_size=1, max_size=200)
token_lists = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=120)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """Weights wide enough that a leak between sequences, or a bias with a direction, would show."""
    folder = tmp_path_factory.mktemp("dna") / "model"
    write_dnabert_s(folder)
    return load_encoder(str(folder), "cpu", "fp32")


def embed(encoder, sequences):
    return encoder.embed(encoder.tokenise(sequences, 1024).ragged)


@settings(deadline=None, max_examples=30)
@given(sequences=st.lists(dna, min_size=1, max_size=10), data=st.data())
def test_alone_and_in_any_order(encoder, sequences, data):
    alone = np.concatenate([embed(encoder, [sequence]) for sequence in sequences])
    order = data.draw(st.permutations(range(len(sequences))))
    together = embed(encoder, [sequences[index] for index in order])
    assert np.abs(together - alone[list(order)]).max() <= INVARIANCE_FP32


@settings(deadline=None, max_examples=30)
@given(sequences=st.lists(token_lists, min_size=1, max_size=5))
def test_backwards_is_backwards(encoder, sequences):
    """ALiBi knows distances and no direction."""
    forwards = [np.array(tokens) for tokens in sequences]
    lengths = [len(tokens) for tokens in sequences]
    with torch.inference_mode():
        found = encoder.model(Pack.of(forwards)).split(lengths)
        turned = encoder.model(Pack.of([tokens[::-1].copy() for tokens in forwards])).split(lengths)
    assert all((a - b.flip(0)).abs().max() <= INVARIANCE_FP32 for a, b in zip(found, turned, strict=True))
