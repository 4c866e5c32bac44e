"""Kernels for NVIDIA GPUs: what torch does in many passes over memory, in one.

Triton comes with torch for CUDA. Sums and angles are in float32, whatever the tensors are in. There are no gradients.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from virnucpro.models.pack import Pack

__all__ = ["attend_with_alibi", "gate", "turn"]

QUERIES, KEYS = 64, 64
"""Tokens of a sequence that one program attends from, and looks at in one step."""


NUMBERS = 1024
"""Numbers of a row that one program gates."""


def turn(vectors_N2HK: Tensor, cosine: Tensor, sine: Tensor) -> None:
    """Rotate queries and keys by their positions, in place: rotary positions.

    Queries and keys of a token lie end to end. The tables have one row for each token, K numbers each, of which the
    second half is read.
    """
    N, _, heads, width = vectors_N2HK.shape
    pairs = heads * width  # of queries and keys together, two numbers each
    block = triton.next_power_of_2(pairs)
    with torch.cuda.device_of(vectors_N2HK):
        _turn[N,](vectors_N2HK, cosine, sine, vectors_N2HK.stride(0), pairs, width // 2, block)


@triton.jit
def _turn(vectors, cosine, sine, stride, pairs, HALF: tl.constexpr, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    pair = tl.arange(0, BLOCK)
    within, kept = pair % HALF, pair < pairs
    first = vectors + token * stride + pair // HALF * 2 * HALF + within
    left = tl.load(first, mask=kept).to(tl.float32)
    right = tl.load(first + HALF, mask=kept).to(tl.float32)
    angle = token * 2 * HALF + HALF + within
    cos, sin = tl.load(cosine + angle), tl.load(sine + angle)
    tl.store(first, left * cos - right * sin, mask=kept)
    tl.store(first + HALF, right * cos + left * sin, mask=kept)


def gate(both_NF: Tensor) -> Tensor:
    """GELU (with erf) of the first half of each row times the second half."""
    N, width = both_NF.shape
    gated_NF = torch.empty(N, width // 2, dtype=both_NF.dtype, device=both_NF.device)
    with torch.cuda.device_of(both_NF):
        _gate[N, triton.cdiv(width // 2, NUMBERS)](both_NF, gated_NF, width // 2, NUMBERS)
    return gated_NF


@triton.jit
def _gate(both, gated, half, NUMBERS: tl.constexpr):
    row, place = tl.program_id(0).to(tl.int64), tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)
    kept = place < half
    first = tl.load(both + row * 2 * half + place, mask=kept).to(tl.float32)
    second = tl.load(both + row * 2 * half + half + place, mask=kept).to(tl.float32)
    tl.store(gated + row * half + place, 0.5 * first * (1 + tl.erf(first * 0.7071067811865476)) * second, mask=kept)


def attend_with_alibi(query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, pack: Pack, slopes_H: Tensor) -> Tensor:
    """Attend within each sequence; scores fall with the distance by a slope for each head, float32."""
    N, heads, width = query_NHK.shape
    attended_NHK = torch.empty(N, heads, width, dtype=query_NHK.dtype, device=query_NHK.device)
    grid = (len(pack.lengths), heads, triton.cdiv(pack.max_length, QUERIES))
    with torch.cuda.device_of(query_NHK):
        _attend[grid](
            query_NHK, key_NHK, value_NHK, attended_NHK, pack.boundaries, slopes_H, width**-0.5,
            query_NHK.stride(0), attended_NHK.stride(0), width, max(triton.next_power_of_2(width), 16), QUERIES, KEYS,
        )  # fmt: skip
    return attended_NHK


@triton.jit
def _attend(
    query, key, value, attended, borders, slopes, scale, stride, stride_out, width,
    WIDTH: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    sequence, head, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    start = tl.load(borders + sequence)
    length = tl.load(borders + sequence + 1) - start
    rows = block * QUERIES + tl.arange(0, QUERIES)
    if block * QUERIES < length:
        numbers = tl.arange(0, WIDTH)[None, :]
        there, numbers = numbers < width, head * width + numbers
        places = (start + rows).to(tl.int64)[:, None]
        real = (rows[:, None] < length) & there
        queries = tl.load(query + places * stride + numbers, mask=real, other=0.0)
        slope = tl.load(slopes + head)
        highest = tl.full([QUERIES], -float("inf"), tl.float32)
        total = tl.zeros([QUERIES], tl.float32)
        found = tl.zeros([QUERIES, WIDTH], tl.float32)
        for first in range(0, length, KEYS):
            columns = first + tl.arange(0, KEYS)
            offsets = (start + columns).to(tl.int64)[:, None] * stride + numbers
            inside = (columns[:, None] < length) & there
            keys = tl.load(key + offsets, mask=inside, other=0.0)
            values = tl.load(value + offsets, mask=inside, other=0.0)
            distance = tl.abs(rows[:, None] - columns[None, :]).to(tl.float32)
            scores = tl.dot(queries, tl.trans(keys)) * scale - slope * distance
            scores = tl.where(columns[None, :] < length, scores, -float("inf"))
            higher = tl.maximum(highest, tl.max(scores, 1))
            weights = tl.exp(scores - higher[:, None])
            shrunk = tl.exp(highest - higher)
            total = total * shrunk + tl.sum(weights, 1)
            found = found * shrunk[:, None] + tl.dot(weights.to(values.dtype), values)
            highest = higher
        offsets = places * stride_out + numbers
        tl.store(attended + offsets, found / total[:, None], mask=real)
