"""Kernels for NVIDIA GPUs: what torch does in many passes over memory, in one.

Triton comes with torch for CUDA. Sums and angles are in float32, whatever the tensors are in. There are no gradients.

References
----------
.. [1] Dao et al. (2022), FlashAttention: fast and memory-efficient exact attention with IO-awareness.
.. [2] Milakov, Gimelshein (2018), Online normalizer calculation for softmax.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from virnucpro.models.pack import Pack

__all__ = ["attend_with_alibi", "gate", "turn"]

BLOCK_Q, BLOCK_K = 64, 64
"""Tokens of a sequence that one program attends from, and looks at in one step."""
BLOCK_F = 1024
"""Numbers of a row that one program gates."""
LEAST_WIDTH = 16
"""Of a factor of a product on tensor cores."""


def turn(vectors_N2HK: Tensor, cosine: Tensor, sine: Tensor) -> None:
    """Rotate queries and keys by their positions, in place: rotary positions.

    Queries and keys of a token lie end to end. The tables, float32, have a row of K numbers for each token; only their
    second half is read, in which sines have their own sign.
    """
    N, _, heads, width = vectors_N2HK.shape
    assert vectors_N2HK.stride()[1:] == (heads * width, width, 1)
    assert cosine.is_contiguous()
    assert sine.is_contiguous()
    assert cosine.numel() == sine.numel() == N * width
    pairs = heads * width  # of queries and keys together, two numbers each
    block = triton.next_power_of_2(pairs)
    with torch.cuda.device_of(vectors_N2HK):
        _turn[N,](vectors_N2HK, cosine, sine, vectors_N2HK.stride(0), pairs, width // 2, block)


@triton.jit
def _turn(vectors, cosine, sine, stride, pairs, HALF: tl.constexpr, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    pair = tl.arange(0, BLOCK)
    within, is_pair = pair % HALF, pair < pairs
    first = vectors + token * stride + pair // HALF * 2 * HALF + within
    left = tl.load(first, mask=is_pair).to(tl.float32)
    right = tl.load(first + HALF, mask=is_pair).to(tl.float32)
    angle = token * 2 * HALF + HALF + within
    cos, sin = tl.load(cosine + angle), tl.load(sine + angle)
    tl.store(first, left * cos - right * sin, mask=is_pair)
    tl.store(first + HALF, right * cos + left * sin, mask=is_pair)


def gate(both_NF: Tensor) -> Tensor:
    """GELU (with erf) of the first half of each row times the second half."""
    N, width = both_NF.shape
    assert both_NF.is_contiguous()
    gated_NF = torch.empty(N, width // 2, dtype=both_NF.dtype, device=both_NF.device)
    with torch.cuda.device_of(both_NF):
        _gate[N, triton.cdiv(width // 2, BLOCK_F)](both_NF, gated_NF, width // 2, BLOCK_F)
    return gated_NF


@triton.jit
def _gate(both, gated, half, BLOCK: tl.constexpr):
    row, column = tl.program_id(0).to(tl.int64), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    is_column = column < half
    first = tl.load(both + row * 2 * half + column, mask=is_column).to(tl.float32)
    second = tl.load(both + row * 2 * half + half + column, mask=is_column).to(tl.float32)
    gelu = 0.5 * first * (1 + tl.erf(first * 0.7071067811865476))
    tl.store(gated + row * half + column, gelu * second, mask=is_column)


def attend_with_alibi(query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, pack: Pack, slopes_H: Tensor) -> Tensor:
    """Attend within each sequence [1]_; scores fall with the distance by a slope for each head, float32."""
    N, heads, width = query_NHK.shape
    assert query_NHK.stride() == key_NHK.stride() == value_NHK.stride()
    assert query_NHK.stride()[1:] == (width, 1)
    attended_NHK = torch.empty(N, heads, width, dtype=query_NHK.dtype, device=query_NHK.device)
    padded_width = max(triton.next_power_of_2(width), LEAST_WIDTH)
    grid = (len(pack.lengths), heads, triton.cdiv(pack.max_length, BLOCK_Q))
    with torch.cuda.device_of(query_NHK):
        _attend[grid](
            query_NHK, key_NHK, value_NHK, attended_NHK, pack.boundaries, slopes_H, width**-0.5,
            query_NHK.stride(0), attended_NHK.stride(0), width, padded_width, BLOCK_Q, BLOCK_K,
        )  # fmt: skip
    return attended_NHK


@triton.jit
def _attend(
    query, key, value, attended, borders, slopes, scale, stride, stride_out, width,
    WIDTH: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    sequence, head, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    start = tl.load(borders + sequence)
    length = tl.load(borders + sequence + 1) - start
    row = block * BLOCK_Q + tl.arange(0, BLOCK_Q)
    if block * BLOCK_Q < length:
        within = tl.arange(0, WIDTH)[None, :]
        column = head * width + within
        place = (start + row).to(tl.int64)[:, None]
        is_row = (row[:, None] < length) & (within < width)
        q = tl.load(query + place * stride + column, mask=is_row, other=0.0)
        slope = tl.load(slopes + head)
        # The softmax of the keys seen so far [2]: its maximum, its sum, and the values weighted by it.
        running_max = tl.full([BLOCK_Q], -float("inf"), tl.float32)
        running_sum = tl.zeros([BLOCK_Q], tl.float32)
        weighted = tl.zeros([BLOCK_Q, WIDTH], tl.float32)
        for first in range(0, length, BLOCK_K):
            other = first + tl.arange(0, BLOCK_K)
            offset = (start + other).to(tl.int64)[:, None] * stride + column
            is_other = (other[:, None] < length) & (within < width)
            k = tl.load(key + offset, mask=is_other, other=0.0)
            v = tl.load(value + offset, mask=is_other, other=0.0)
            distance = tl.abs(row[:, None] - other[None, :]).to(tl.float32)
            score = tl.dot(q, tl.trans(k)) * scale - slope * distance
            score = tl.where(other[None, :] < length, score, -float("inf"))
            new_max = tl.maximum(running_max, tl.max(score, 1))
            weight = tl.exp(score - new_max[:, None])
            shrunk = tl.exp(running_max - new_max)
            running_sum = running_sum * shrunk + tl.sum(weight, 1)
            weighted = weighted * shrunk[:, None] + tl.dot(weight.to(v.dtype), v)
            running_max = new_max
        tl.store(attended + place * stride_out + column, weighted / running_sum[:, None], mask=is_row)
