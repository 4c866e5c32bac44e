"""The vector of a protein is the same alone, in any company, order, budget and file."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import write_fasta
from published_layouts import TINY, transformers_model
from tolerances import INVARIANCE_FP32
from virnucpro import extract_fast_esm
from virnucpro.models.checkpoints import open_model_in_memory
from virnucpro.models.placement import choose_placement

proteins = st.text(alphabet="LAGVSERTIDPKQNFYMHWCX", min_size=1, max_size=120)


@pytest.fixture(scope="module")
def encoder():
    """Weights wide enough that a leak between sequences, or from <cls> into the mean, would show."""
    return open_model_in_memory(transformers_model(TINY)).encoder(choose_placement("cpu", "fp32"))


def embed(encoder, sequences):
    return encoder.embed(encoder.tokenise(sequences, 1024).ragged)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequences=st.lists(proteins, min_size=1, max_size=12), data=st.data())
def test_alone_and_in_any_order(encoder, sequences, data):
    alone = np.concatenate([embed(encoder, [sequence]) for sequence in sequences])
    order = data.draw(st.permutations(range(len(sequences))))
    together = embed(encoder, [sequences[index] for index in order])
    assert np.abs(together - alone[list(order)]).max() <= INVARIANCE_FP32


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequences=st.lists(proteins, min_size=1, max_size=12),
    budget=st.integers(1, 600),
    cut=st.integers(0, 12),
)
def test_in_any_budget_and_file(encoder, tmp_path, sequences, budget, cut):
    records = [(f"p{number}", sequence) for number, sequence in enumerate(sequences)]
    alone = np.concatenate([embed(encoder, [sequence]) for sequence in sequences])
    vectors = []
    for part in (records[:cut], records[cut:]):
        if part:
            ids, data = extract_fast_esm(write_fasta(tmp_path / "part.faa", part), model=encoder, toks_per_batch=budget)
            assert ids == [id_ for id_, _ in part]
            vectors += data
    assert np.abs(np.stack(vectors) - alone).max() <= INVARIANCE_FP32
