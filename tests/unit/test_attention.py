"""Attention by groups of one length, beside the formula written out."""

import math

import pytest
import torch

from tolerances import INVARIANCE_FP32, PREPACKED_BF16
from virnucpro.models.attention import SHORT, alibi_attention, alibi_bias, grouped_attention, padded_attention
from virnucpro.models.pack import Pack

LENGTHS = (1, 15, 16, 17, 17, 101, SHORT - 1, SHORT, SHORT + 8)
HEADS, WIDTH = 3, 32


def written_out(query, key, value, bias, lengths):
    """In float32, sequence by sequence."""
    attended = []
    for q, k, v in zip(*(tensor.float().split(lengths) for tensor in (query, key, value)), strict=True):
        scores = torch.einsum("qhk,lhk->hql", q, k) / math.sqrt(q.shape[-1])
        if bias is not None:
            scores = scores + bias.float()[:, : len(q), : len(q)]
        attended.append(torch.einsum("hql,lhk->qhk", scores.softmax(-1), v))
    return torch.cat(attended)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, INVARIANCE_FP32), (torch.bfloat16, 4 * PREPACKED_BF16)]
)
def test_each_sequence_attends_to_itself_whatever_its_length(with_bias, dtype, tolerance):
    generator = torch.Generator().manual_seed(1)
    query, key, value = torch.randn((3, sum(LENGTHS), HEADS, WIDTH), generator=generator).to(dtype)
    pack = Pack(torch.zeros(sum(LENGTHS), dtype=torch.int64), LENGTHS)
    bias = alibi_bias(HEADS, max(LENGTHS), torch.device("cpu")).to(dtype) if with_bias else None
    if bias is None:
        found = grouped_attention(query, key, value, pack)
    else:
        found = alibi_attention(HEADS, pack, dtype)(query, key, value)
    expected = written_out(query, key, value, bias, LENGTHS)
    assert found.dtype == dtype
    assert found.isfinite().all()
    assert ((found.float() - expected).abs() / (1 + expected.abs())).max() <= tolerance


@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[::-1], (40,), (8, 8), (1, 1, 300, 1)])
def test_padded_buckets_attend_like_single_sequences(lengths):
    generator = torch.Generator().manual_seed(2)
    query, key, value = torch.randn((3, sum(lengths), HEADS, WIDTH), generator=generator)
    pack = Pack(torch.zeros(sum(lengths), dtype=torch.int64), lengths)
    bias = alibi_bias(HEADS, max(lengths), torch.device("cpu"))
    found = padded_attention(bias, pack)(query, key, value)
    expected = written_out(query, key, value, bias, lengths)
    assert (found - expected).abs().max() <= INVARIANCE_FP32


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("spoilt", "number"),
    [
        ([0], math.nan),
        ([1], math.nan),
        ([2], math.nan),
        ([0], math.inf),
        ([1], -math.inf),
        ([2], math.inf),
        ([0, 1], 1e25),
    ],
)
def test_no_finite_number_comes_of_others(with_bias, dtype, spoilt, number):
    """torch's CPU kernels drop NaN from the scores of short sequences, and infinity from those in half precision.

    1e25 is finite in two of the formats, but its square is not.
    """
    generator = torch.Generator().manual_seed(3)
    tensors = torch.randn((3, sum(LENGTHS), HEADS, WIDTH), generator=generator).to(dtype)
    pack = Pack(torch.zeros(sum(LENGTHS), dtype=torch.int64), LENGTHS)
    bias = alibi_bias(HEADS, max(LENGTHS), torch.device("cpu")).to(dtype) if with_bias else None
    expected = grouped_attention(*tensors, pack, bias)
    bad = (0, 1, 2, 4, 5, 7)  # sequences; 3 is as long as 4
    for sequence in bad:
        token = sum(LENGTHS[:sequence]) + LENGTHS[sequence] // 2
        tensors[spoilt, token, :, 5] = number
    found = grouped_attention(*tensors, pack, bias)
    for sequence, (one, other) in enumerate(zip(found.split(LENGTHS), expected.split(LENGTHS), strict=True)):
        if sequence in bad:
            assert not one.isfinite().flatten(1).all(1).any()
        else:
            assert torch.equal(one, other)


def test_an_overflow_stays_in_its_own_sequence():
    lengths = (5, 9, 5, 3)
    query, key, value = torch.ones((3, sum(lengths), HEADS, WIDTH))
    value[:5] = torch.inf
    value[-1] = torch.nan
    pack = Pack(torch.zeros(sum(lengths), dtype=torch.int64), lengths)
    bias = alibi_bias(HEADS, max(lengths), torch.device("cpu"))
    found = padded_attention(bias, pack)(query, key, value)
    assert found[5:-3].isfinite().all()
