"""Attention within each sequence of a pack, never across sequences.

Without a bias, `choose_attention` picks one of two kernels by device and number format when an encoder is built:
torch's variable-length flash attention where it exists, otherwise scaled_dot_product_attention per group of equal
lengths. For models with positions as a bias on the scores (ALiBi), `alibi_attention` picks one for each pack: a kernel
of our own on NVIDIA GPUs, groups of equal lengths on a CPU, and a few padded buckets elsewhere, where every call of a
kernel costs more than the padding.

References
----------
.. [1] Press, Smith, Lewis (2022), Train short, test long: attention with linear biases enables input length
   extrapolation; the slopes for a number of heads that is no power of two are those of the authors' code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from virnucpro.models.accelerated import AMPERE, HALVES, kernels
from virnucpro.models.pack import Bucket, Pack

__all__ = [
    "Attention",
    "BiasedAttention",
    "alibi_attention",
    "alibi_bias",
    "alibi_slopes",
    "choose_attention",
    "grouped_attention",
    "padded_attention",
    "varlen_attention",
]

Attention: TypeAlias = Callable[[Tensor, Tensor, Tensor, Pack], Tensor]
"""From query_NHK, key_NHK and value_NHK to attended_NHK; scores are divided by sqrt(K)."""

BiasedAttention: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The same within one pack, with a bias on its scores."""

KEYS_OF_A_BLOCK, SHORT = 16, 192
"""torch's bfloat16 kernel for CPUs takes whole blocks of keys up to a third faster than others, where sequences are
shorter than this; in longer ones the copies cost as much."""


def choose_attention(device: torch.device, dtype: torch.dtype) -> Attention:
    """Pick the kernel for a device and a number format."""
    half_on_cuda = device.type == "cuda" and dtype in HALVES
    if half_on_cuda and torch.cuda.get_device_capability(device) >= AMPERE:
        return varlen_attention
    return grouped_attention


def grouped_attention(
    query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, pack: Pack, bias_HLL: Tensor | None = None
) -> Tensor:
    """Attend within each sequence, neighbours of one length together."""
    attended_NHK = torch.empty_like(query_NHK, memory_format=torch.contiguous_format)
    groups = zip(*(pack.groups(tensor) for tensor in (query_NHK, key_NHK, value_NHK, attended_NHK)), strict=True)
    for group in groups:
        query, key, value, attended = (tensor_BLHK.transpose(1, 2) for tensor_BLHK in group)
        length = query.shape[2]
        bias = None if bias_HLL is None else bias_HLL[None, :, :length, :length]  # CPU kernels take no mask of three
        if _wants_whole_blocks(query):
            key, value, bias = _whole_blocks(key, value, bias)
        attended.copy_(scaled_dot_product_attention(query, key, value, attn_mask=bias))
    if query_NHK.device.type == "cpu":
        _spoil_where_scores_overflow(attended_NHK, query_NHK, key_NHK, pack)
    return attended_NHK


@torch.no_grad()
def _spoil_where_scores_overflow(attended_NHK: Tensor, query_NHK: Tensor, key_NHK: Tensor, pack: Pack) -> None:
    """Give NaN to sequences whose scores may not be finite; no score exceeds the norm of a query times that of a key.

    torch's CPU kernels give zeros where all scores are NaN and fewer than a vector register holds (16 with AVX-512, 8
    with AVX2), and finite numbers for infinite scores in half precision. Values that are not finite they never lose.
    """
    query_norm_N, key_norm_N = _norms(query_NHK), _norms(key_NHK)
    if (query_norm_N.amax() * key_norm_N.amax()).isfinite():
        return
    groups = zip(*(pack.groups(tensor) for tensor in (query_norm_N, key_norm_N, attended_NHK)), strict=True)
    for query_norm_BL, key_norm_BL, attended_BLHK in groups:
        attended_BLHK[~(query_norm_BL.amax(1) * key_norm_BL.amax(1)).isfinite()] = math.nan


def _norms(vectors_NHK: Tensor) -> Tensor:
    """Euclidean norm of each token's vectors, all heads together, in float32."""
    wide = torch.float32 if vectors_NHK.dtype == torch.float16 else None  # bfloat16 has room for a norm, and is faster
    norm_N: Tensor = torch.linalg.vector_norm(vectors_NHK.flatten(1), dim=1, dtype=wide).float()
    return norm_N


def varlen_attention(query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, pack: Pack) -> Tensor:
    """Attend within each sequence by torch's variable-length flash attention."""
    from torch.nn.attention.varlen import varlen_attn  # a CUDA kernel, not needed elsewhere

    borders, longest = pack.boundaries, pack.max_length
    attended = varlen_attn(query_NHK, key_NHK, value_NHK, borders, borders, longest, longest)
    assert isinstance(attended, Tensor)  # a tuple only when more outputs are asked for
    return attended


def alibi_attention(heads: int, pack: Pack, dtype: torch.dtype) -> BiasedAttention:
    """Prepare attention within each sequence of a pack with ALiBi's bias, for all blocks of a model."""
    device = pack.tokens_N.device
    if dtype in HALVES and (found := kernels(device)):
        return partial(found.attend_with_alibi, pack=pack, slopes_H=alibi_slopes(heads).to(device))
    bias_HLL = alibi_bias(heads, pack.max_length, device).to(dtype)
    if device.type == "cpu":
        return partial(grouped_attention, pack=pack, bias_HLL=bias_HLL)
    return padded_attention(bias_HLL, pack)


def padded_attention(bias_HLL: Tensor, pack: Pack) -> BiasedAttention:
    """Prepare attention with a bias over padded buckets of a pack."""
    masks = [_mask(bias_HLL, bucket) for bucket in pack.buckets]

    def attention(query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor) -> Tensor:
        attended = []
        for bucket, mask in zip(pack.buckets, masks, strict=True):
            query, key, value = (t_NHK[bucket.tokens_BL].transpose(1, 2) for t_NHK in (query_NHK, key_NHK, value_NHK))
            found_BLHK = scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)
            attended.append(found_BLHK.flatten(0, 1)[bucket.places_N])
        return torch.cat(attended)

    return attention


def _mask(bias_HLL: Tensor, bucket: Bucket) -> Tensor:
    """Bias of every sequence of a bucket, minus infinity where there is no key: shape (B, H, L, L)."""
    longest = bucket.tokens_BL.shape[1]
    beyond = longest - bias_HLL.shape[1]
    bias_HLL = F.pad(bias_HLL, (0, beyond, 0, beyond)) if beyond > 0 else bias_HLL[:, :longest, :longest]
    return bias_HLL.masked_fill(~bucket.is_token_BL[:, None, None], -math.inf)


def _wants_whole_blocks(query_BHLK: Tensor) -> bool:
    length = query_BHLK.shape[2]
    half_on_cpu = query_BHLK.device.type == "cpu" and query_BHLK.dtype == torch.bfloat16
    return half_on_cpu and length < SHORT and length % KEYS_OF_A_BLOCK != 0


def _whole_blocks(key_BHLK: Tensor, value_BHLK: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Pad with keys that no query attends to."""
    length = key_BHLK.shape[2]
    missing = -length % KEYS_OF_A_BLOCK
    key, value = (F.pad(tensor, (0, 0, 0, missing)) for tensor in (key_BHLK, value_BHLK))
    bias = key.new_zeros(1, 1, length, length) if bias is None else bias
    return key, value, F.pad(bias, (0, missing), value=-math.inf)


def alibi_bias(heads: int, length: int, device: torch.device) -> Tensor:
    """Build ALiBi's bias on attention scores: minus slope times distance, the same in both directions [1]_."""
    positions = torch.arange(length, dtype=torch.float32, device=device)
    distance_LL = (positions[:, None] - positions).abs()
    return -alibi_slopes(heads).to(device)[:, None, None] * distance_LL


def alibi_slopes(heads: int) -> Tensor:
    """Slope of each head's bias [1]_.

    Examples
    --------
    >>> alibi_slopes(4).log2().tolist()
    [-2.0, -4.0, -6.0, -8.0]
    >>> alibi_slopes(12).log2().tolist()
    [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -0.5, -1.5, -2.5, -3.5]
    """
    whole = 2 ** (heads.bit_length() - 1)
    exponents = [8 * head / whole for head in range(1, whole + 1)]
    exponents += [8 * head / (2 * whole) for head in range(1, 2 * whole, 2)][: heads - whole]
    return torch.tensor([2.0**-exponent for exponent in exponents])
