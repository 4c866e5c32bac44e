"""The kernels of our own do what torch's do; and torch's take over where they do not run."""

import pytest
import torch
from torch.nn.functional import gelu

from tolerances import FLASH_FP16
from virnucpro.models import accelerated, esm2
from virnucpro.models.attention import alibi_attention, alibi_bias, grouped_attention
from virnucpro.models.pack import Pack

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available() or torch.cuda.get_device_capability() < accelerated.AMPERE,
        reason="no CUDA device on this machine that Triton supports",
    ),
]

LENGTHS = (513, 300, 128, 65, 64, 7, 1)


@pytest.fixture
def kernels():
    pytest.importorskip("triton")
    with torch.inference_mode():
        yield accelerated.kernels(torch.device("cuda"))


def drawn(*shape, dtype=torch.float16):
    return torch.randn(shape, generator=torch.Generator("cuda").manual_seed(0), device="cuda").to(dtype)


@pytest.mark.parametrize("width", [64, 24, 16])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_alibi(kernels, width, dtype):
    pack = Pack(torch.zeros(sum(LENGTHS), dtype=torch.int64, device="cuda"), LENGTHS)
    query, key, value = drawn(sum(LENGTHS), 3, 12, width, dtype=dtype).unbind(1)
    attention = alibi_attention(12, pack, dtype)
    assert attention.func is kernels.attend_with_alibi
    bias = alibi_bias(12, max(LENGTHS), torch.device("cuda"))
    expected = grouped_attention(query.float(), key.float(), value.float(), pack, bias)
    coarser = torch.finfo(dtype).eps / torch.finfo(torch.float16).eps
    assert (attention(query, key, value).float() - expected).abs().max() <= coarser * FLASH_FP16


@pytest.mark.parametrize("width", [64, 24])
def test_turn(kernels, width, monkeypatch):
    vectors = drawn(50, 3, 20, width)
    rotation = tables(50, width)
    by_kernel, by_torch = vectors.clone(), vectors.clone()
    kernels.turn(by_kernel[:, :2], *rotation)
    monkeypatch.setattr(accelerated, "_tried", lambda index: None)
    esm2.rotate(by_torch[:, :2], rotation)
    assert (by_kernel - by_torch).abs().max() <= 2**-8  # one unit in the last place of 4
    assert torch.equal(by_kernel[:, 2], vectors[:, 2])


def tables(tokens, width):
    angles = torch.outer(torch.arange(tokens, device="cuda").float(), torch.rand(width // 2, device="cuda"))
    cosine, sine = angles.cos(), angles.sin()
    return [torch.cat(pair, -1)[:, None, None] for pair in ((cosine, cosine), (-sine, sine))]


def test_gate(kernels):
    both = drawn(37, 6144)
    first, second = both.float().chunk(2, -1)
    expected = gelu(first) * second
    assert ((kernels.gate(both) - expected).abs() / (1 + expected.abs())).max() <= torch.finfo(torch.float16).eps


def test_more_numbers_than_32_bits_count(kernels):
    """600,000 tokens: the last ones are where a 32-bit place would be negative."""
    tokens = 600_000
    vectors = torch.zeros(tokens, 3, 20, 64, dtype=torch.float16, device="cuda")
    vectors[-50:] = drawn(50, 3, 20, 64)
    alone = vectors[-50:].clone()
    rotation = tables(50, 64)
    whole = [torch.cat([torch.zeros(tokens - 50, 1, 1, 64, device="cuda"), table]) for table in rotation]
    kernels.turn(vectors[:, :2], *whole)
    kernels.turn(alone[:, :2], *rotation)
    assert torch.equal(vectors[-50:], alone)
    last = Pack(torch.zeros(50, dtype=torch.int64, device="cuda"), (50,))
    pack = Pack(torch.zeros(tokens, dtype=torch.int64, device="cuda"), (*[1000] * 599, 950, 50))
    slopes = torch.ones(20, device="cuda")
    found = kernels.attend_with_alibi(*vectors.unbind(1), pack, slopes)[-50:]
    assert torch.equal(found, kernels.attend_with_alibi(*alone.unbind(1), last, slopes))
    flat = vectors.flatten(1)
    assert torch.equal(kernels.gate(flat)[-50:], kernels.gate(flat[-50:].clone()))


def test_other_kernels_where_triton_does_not_work(monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("no C compiler")

    pytest.importorskip("triton")
    monkeypatch.setattr("virnucpro.models.triton_kernels.turn", broken)
    accelerated._tried.cache_clear()
    try:
        with torch.inference_mode():
            assert accelerated.kernels(torch.device("cuda")) is None
    finally:
        accelerated._tried.cache_clear()
    assert "no C compiler" in caplog.text
