"""Layers laid out for the CPU give what plain ones give, rounded once less; weights come back bit by bit."""

import pytest
import torch
from torch import nn

from dna_layouts import write_dnabert_s
from published_layouts import write_prefixed
from tolerances import PREPACKED_BF16, PREPACKED_COSINE
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.encoders import encoder_of
from virnucpro.models.layers import gated_gelu, linear, linear_gelu, linear_plus
from virnucpro.models.pack import Pack
from virnucpro.models.placement import choose_placement
from virnucpro.models.prepacked import GatedLinear, PrepackedGate, PrepackedLinear, can_prepack

pytestmark = pytest.mark.skipif(
    not can_prepack(choose_placement("cpu", "bf16")), reason="this CPU does not multiply bfloat16 matrices"
)


@pytest.fixture
def rows():
    return torch.randn(37, 96, generator=torch.Generator().manual_seed(0)).bfloat16()


def assert_close(found, expected):
    """To float32's result, within one rounding to bfloat16."""
    assert found.dtype == torch.bfloat16
    assert ((found.float() - expected).abs() <= PREPACKED_BF16 * (expected.abs() + 1)).all()


@torch.inference_mode()
@pytest.mark.parametrize("bias", [True, False])
def test_products_are_rounded_once(rows, bias):
    plain = nn.Linear(96, 200, bias=bias).bfloat16()
    packed, wide, residual = PrepackedLinear(plain), rows.float(), torch.randn(37, 200).bfloat16()
    product = nn.functional.linear(wide, plain.weight.float(), plain.bias.float() if bias else None)
    assert_close(linear(packed, rows), product)
    assert_close(linear_gelu(packed, rows), nn.functional.gelu(product))
    kept = residual.clone()
    assert_close(linear_plus(packed, rows, residual), product + residual.float())
    assert torch.equal(residual, kept)


@torch.inference_mode()
def test_gate_is_the_first_half(rows):
    plain = GatedLinear(96, 128, bias=False).bfloat16()
    gate, value = nn.functional.linear(rows.float(), plain.weight.float()).chunk(2, dim=-1)
    found = gated_gelu(PrepackedGate(plain), rows)
    expected = nn.functional.gelu(gate) * value
    assert ((found.float() - expected).abs() <= 2 * PREPACKED_BF16 * (expected.abs() + 1)).all()


@torch.inference_mode()
def test_weights_come_back(rows):
    plain, gate = nn.Linear(96, 200).bfloat16(), GatedLinear(96, 128, bias=False).bfloat16()
    assert torch.equal(PrepackedLinear(plain).weight, plain.weight)
    assert torch.equal(PrepackedGate(gate).weight, gate.weight)
    in_float32 = linear(PrepackedLinear(plain), rows.float())  # how a vector that overflowed is computed again
    assert in_float32.dtype == torch.float32
    assert torch.equal(in_float32, linear(plain, rows.float()))


@torch.inference_mode()
@pytest.mark.parametrize("write", [write_prefixed, write_dnabert_s])
def test_encoders_are_laid_out_and_models_are_not(tmp_path, write):
    write(tmp_path / "model")
    checkpoint, placement = open_checkpoint(tmp_path / "model"), choose_placement("cpu", "bf16")
    plain, found = checkpoint.load(placement), encoder_of(checkpoint, placement).model
    assert any(isinstance(module, nn.Linear) for module in plain.modules())
    assert not any(isinstance(module, nn.Linear) for module in found.modules())
    pack = Pack(torch.randint(5, 20, (90,), generator=torch.Generator().manual_seed(0)), (40, 40, 10))
    states, expected = found(pack).float(), checkpoint.load(choose_placement("cpu", "fp32"))(pack)
    assert torch.cosine_similarity(states, expected).min() >= PREPACKED_COSINE
    assert (found(pack, torch.float32) - plain(pack, torch.float32)).abs().max() == 0
