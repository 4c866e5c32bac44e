"""The encoder beside transformers and fair-esm on the same random weights, from every published layout."""

import numpy as np
import pytest
import torch

from published_layouts import (
    FULL_650M,
    HF_LAYOUTS,
    TINY,
    transformers_model,
    write_fair_esm,
    write_fast_esm,
    write_prefixed,
)
from tolerances import DIFFERENT, HALF_COSINE, INVARIANCE_FP32, PARITY_FP32
from virnucpro.models.checkpoints import open_checkpoint, open_model_in_memory
from virnucpro.models.pack import Pack
from virnucpro.models.placement import choose_placement
from virnucpro.models.pooling import RESIDUES, pool_tokens
from virnucpro.models.tokens import MASK, encode_protein

LENGTHS = (1, 2, 3, 40, 40, 257, 1024, 1024)


def token_sequences(lengths=LENGTHS, seed=1):
    generator = np.random.default_rng(seed)
    return [encode_protein(bytes(generator.choice(list(b"LAGVSERTIDPKQNFYMHWCXBUZO.-"), n).tolist())) for n in lengths]


@torch.inference_mode()
def hidden_states(encoder, tokens):
    hidden_ND = encoder(Pack.of(tokens))
    return list(hidden_ND.split([len(t) for t in tokens]))


@torch.inference_mode()
def transformers_states(model, tokens):
    """One sequence at a time: no padding, nothing to mask."""
    ids = [torch.from_numpy(t)[None] for t in tokens]
    return [model(input_ids=i, attention_mask=torch.ones_like(i)).last_hidden_state[0] for i in ids]


def max_abs(first, second):
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def load(path, dtype="fp32"):
    return open_checkpoint(path).load(choose_placement("cpu", dtype))


def assert_parity(encoder, tokens, expected):
    found = hidden_states(encoder, tokens)
    pooled = pool_tokens(torch.cat(found), Pack.of(tokens), RESIDUES)
    per_residue = max_abs(found, expected)
    per_sequence = max_abs(pooled, [states[1:-1].mean(0) for states in expected])
    print(f"max_abs per residue {per_residue:.1e}, pooled {per_sequence:.1e}")
    assert per_residue <= PARITY_FP32
    assert per_sequence <= PARITY_FP32


@pytest.mark.parametrize("layout", HF_LAYOUTS)
def test_parity_with_transformers_from_every_layout(tmp_path, layout):
    model = HF_LAYOUTS[layout](tmp_path / "model")
    tokens = token_sequences()
    assert_parity(load(tmp_path / "model"), tokens, transformers_states(model, tokens))


def test_parity_with_fair_esm_from_its_own_file(tmp_path):
    model = write_fair_esm(tmp_path / "esm2_tiny.pt")
    tokens = token_sequences()
    layers = TINY["num_hidden_layers"]
    with torch.inference_mode():
        expected = [
            model(torch.from_numpy(t)[None], repr_layers=[layers])["representations"][layers][0] for t in tokens
        ]
    assert_parity(load(tmp_path / "esm2_tiny.pt"), tokens, expected)


def test_parity_from_a_transformers_model_in_memory():
    model = transformers_model(TINY)
    encoder = open_model_in_memory(model).load(choose_placement("cpu", "fp32"))
    tokens = token_sequences()
    assert_parity(encoder, tokens, transformers_states(model, tokens))


def test_masked_tokens_are_dropped_and_the_rest_scaled(tmp_path):
    model = write_prefixed(tmp_path / "model")
    tokens = token_sequences((30, 50))
    tokens[0][3:9] = MASK
    tokens[1][7] = MASK
    assert_parity(load(tmp_path / "model"), tokens, transformers_states(model, tokens))


def test_token_dropout_off_leaves_embeddings_as_they_are(tmp_path):
    model = write_prefixed(tmp_path / "model")
    model.embeddings.token_dropout = False
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text().replace('"token_dropout": true', '"token_dropout": false'))
    tokens = token_sequences((30, 50))
    assert_parity(load(tmp_path / "model"), tokens, transformers_states(model, tokens))


def test_frequencies_come_from_the_checkpoint(tmp_path):
    """Recomputed frequencies differ from fp16-rounded ones, and position 1024 shows it."""
    model = write_prefixed(tmp_path / "model")
    encoder = load(tmp_path / "model")
    assert torch.equal(encoder.inverse_frequencies, model.rotary_embeddings.inv_freq.half().float())
    computed = 10000.0 ** (-torch.arange(0, 16, 2) / 16)
    assert not torch.equal(encoder.inverse_frequencies, computed)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_frequencies_stay_in_float32_in_half_precision(tmp_path, dtype):
    write_prefixed(tmp_path / "model")
    encoder = load(tmp_path / "model", dtype)
    assert encoder.dtype == choose_placement("cpu", dtype).dtype
    assert encoder.inverse_frequencies.dtype == torch.float32
    assert all(table.dtype == torch.float32 for table in encoder.rotation(Pack.of(token_sequences((5,)))))


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_per_residue(tmp_path, dtype):
    write_prefixed(tmp_path / "model")
    tokens = token_sequences((1000,))
    exact = hidden_states(load(tmp_path / "model"), tokens)[0]
    half = hidden_states(load(tmp_path / "model", dtype), tokens)[0].float()
    assert torch.cosine_similarity(exact, half).min() >= HALF_COSINE


def test_float32_work_on_half_weights_is_the_float32_model_of_those_weights(tmp_path):
    write_prefixed(tmp_path / "model")
    half = load(tmp_path / "model", "bf16")
    widened = load(tmp_path / "model", "bf16").float()
    pack = Pack.of(token_sequences((3, 40, 257)))
    with torch.inference_mode():
        assert torch.equal(half(pack, torch.float32), widened(pack))


def test_no_token_sees_another_sequence(tmp_path):
    """Change one sequence of a pack: not one number of the others may move by more than rounding."""
    write_fast_esm(tmp_path / "model")
    encoder = load(tmp_path / "model")
    tokens = token_sequences((40, 40, 90))
    before = hidden_states(encoder, tokens)
    after = hidden_states(encoder, [tokens[0], token_sequences((40,), seed=2)[0], tokens[2]])
    assert max_abs([before[0], before[2]], [after[0], after[2]]) <= INVARIANCE_FP32
    assert max_abs([before[1]], [after[1]]) > DIFFERENT


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["fast_esm", "fair_esm"])
def test_parity_on_the_full_650m_shape(tmp_path, layout):
    tokens = token_sequences((1, 40, 330, 1024))
    if layout == "fast_esm":
        model, path = write_fast_esm(tmp_path / "model", FULL_650M), tmp_path / "model"
        expected = transformers_states(model, tokens)
    else:
        model, path = write_fair_esm(tmp_path / "esm2_t33.pt", FULL_650M), tmp_path / "esm2_t33.pt"
        with torch.inference_mode():
            expected = [model(torch.from_numpy(t)[None], repr_layers=[33])["representations"][33][0] for t in tokens]
    del model
    assert_parity(load(path), tokens, expected)
    half = open_checkpoint(path).encoder(choose_placement("cpu", "bf16"))
    cosines = torch.cosine_similarity(hidden_states(half.model, tokens[-1:])[0].float(), expected[-1])
    print(f"bf16, full shape, 1,026 tokens: least cosine per residue {cosines.min():.6f}")
    assert cosines.min() >= HALF_COSINE
