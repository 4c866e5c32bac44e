"""The encoder beside transformers' GteModel on the same random weights."""

import numpy as np
import pytest
import torch

from dna_layouts import FULL_DNA, SLOPE_EXPONENTS, VOCABULARY, gte_model, gte_states, write_dnabert_s
from tolerances import DNA_HALF_COSINE, INVARIANCE_FP32, PARITY_FP32
from virnucpro.models.attention import alibi_bias, alibi_slopes
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.pack import Pack
from virnucpro.models.placement import choose_placement
from virnucpro.models.pooling import ALL_TOKENS, pool_tokens

LENGTHS = (1, 2, 3, 40, 40, 257, 700, 64)


def token_sequences(lengths=LENGTHS, seed=1, vocabulary=VOCABULARY):
    """[CLS], so many tokens of any kind, [SEP]."""
    generator = np.random.default_rng(seed)
    return [np.array([1, *generator.integers(0, vocabulary, length), 2]) for length in lengths]


@torch.inference_mode()
def hidden_states(encoder, tokens):
    return list(encoder(Pack.of(tokens)).split([len(t) for t in tokens]))


def max_abs(first, second):
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def load(path, dtype="fp32"):
    return open_checkpoint(path).load(choose_placement("cpu", dtype))


def assert_parity(encoder, tokens, expected):
    found = hidden_states(encoder, tokens)
    pooled = pool_tokens(torch.cat(found), Pack.of(tokens), ALL_TOKENS)
    per_token = max_abs(found, expected)
    per_sequence = max_abs(pooled, [states.mean(0) for states in expected])
    print(f"max_abs per token {per_token:.1e}, pooled {per_sequence:.1e}")
    assert per_token <= PARITY_FP32
    assert per_sequence <= PARITY_FP32


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "model"


def test_parity_with_gte(folder):
    model = write_dnabert_s(folder)
    tokens = token_sequences()
    assert_parity(load(folder), tokens, gte_states(model, tokens))


@pytest.mark.slow
def test_parity_on_the_full_shape(folder):
    model = write_dnabert_s(folder, gte_model(FULL_DNA))
    tokens = token_sequences((1, 70, 110, 700))
    assert_parity(load(folder), tokens, gte_states(model, tokens))


def test_slopes_are_the_published_ones_in_float32():
    slopes = alibi_slopes(12)
    assert slopes.dtype == torch.float32
    assert slopes.tolist() == [float(np.float32(2.0**exponent)) for exponent in SLOPE_EXPONENTS]


def test_the_bias_is_minus_slope_times_distance():
    bias = alibi_bias(12, 700, torch.device("cpu"))
    assert bias.dtype == torch.float32
    assert bias[2, 10, 699] == bias[2, 699, 10] == -689 / 8
    assert not bias.diagonal(dim1=1, dim2=2).any()


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_per_token(folder, dtype):
    write_dnabert_s(folder)
    tokens = token_sequences((700,))
    exact = hidden_states(load(folder), tokens)[0]
    half = hidden_states(load(folder, dtype), tokens)[0].float()
    cosine = torch.cosine_similarity(exact, half)
    print(f"{dtype}, 702 tokens: least cosine per token {cosine.min():.6f}")
    assert cosine.min() >= DNA_HALF_COSINE


def test_float32_work_on_half_weights_is_the_float32_model_of_those_weights(folder):
    write_dnabert_s(folder)
    half, widened = load(folder, "bf16"), load(folder, "bf16").float()
    pack = Pack.of(token_sequences((3, 40, 257)))
    with torch.inference_mode():
        assert torch.equal(half(pack, torch.float32), widened(pack))


def test_no_token_sees_another_sequence(folder):
    """Change one sequence of a pack: not one number of the others may move by more than rounding."""
    write_dnabert_s(folder)
    encoder = load(folder)
    tokens = token_sequences((40, 40, 90))
    before = hidden_states(encoder, tokens)
    after = hidden_states(encoder, [tokens[0], token_sequences((40,), seed=2)[0], tokens[2]])
    assert max_abs([before[0], before[2]], [after[0], after[2]]) <= INVARIANCE_FP32
    assert max_abs([before[1]], [after[1]]) > 0.1


def test_the_mean_is_over_all_tokens(folder):
    write_dnabert_s(folder)
    tokens = token_sequences((30, 5))
    states = hidden_states(load(folder), tokens)
    pooled = pool_tokens(torch.cat(states), Pack.of(tokens), ALL_TOKENS)
    assert max_abs(pooled, [state.mean(0) for state in states]) <= INVARIANCE_FP32
    assert max_abs(pooled, [state[1:-1].mean(0) for state in states]) > 1e-2
