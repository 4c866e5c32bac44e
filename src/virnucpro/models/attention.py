"""Attention within each sequence of a pack, never across its borders.

Two kernels, one meaning. `choose_attention` picks by device and number format, once, when an encoder is built:
torch's variable-length flash attention where it exists, scaled_dot_product_attention per group of equal lengths
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from virnucpro.models.pack import Pack

__all__ = ["Attention", "choose_attention", "grouped_attention", "varlen_attention"]

Attention: TypeAlias = Callable[[Tensor, Tensor, Tensor, Pack], Tensor]
"""From query_NHK, key_NHK and value_NHK to attended_NHK; scores are divided by sqrt(K)."""

AMPERE = (8, 0)
"""First CUDA compute capability with flash attention."""


def choose_attention(device: torch.device, dtype: torch.dtype) -> Attention:
    """Pick the kernel for a device and a number format.

    Parameters
    ----------
    device : torch.device
        Where the encoder runs.
    dtype : torch.dtype
        Number format of queries, keys and values.

    Returns
    -------
    Attention
        `varlen_attention` on CUDA from Ampere on in half precision, else `grouped_attention`.
    """
    half_on_cuda = device.type == "cuda" and dtype in (torch.float16, torch.bfloat16)
    if half_on_cuda and torch.cuda.get_device_capability(device) >= AMPERE:
        return varlen_attention
    return grouped_attention


def grouped_attention(query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, pack: Pack) -> Tensor:
    """Attend within each sequence, neighbours of one length together.

    Parameters
    ----------
    query_NHK, key_NHK, value_NHK : Tensor, shape (N, H, K)
        Any device and number format.
    pack : Pack
        Whose sequences the tokens are.

    Returns
    -------
    Tensor, shape (N, H, K)
        Attended values.
    """
    attended_NHK = torch.empty_like(query_NHK, memory_format=torch.contiguous_format)
    for start, count, length in pack.runs:
        rows = slice(start, start + count * length)
        shape = (count, length, *query_NHK.shape[1:])
        query, key, value = (t[rows].view(shape).transpose(1, 2) for t in (query_NHK, key_NHK, value_NHK))
        attended = scaled_dot_product_attention(query, key, value)
        attended_NHK[rows] = attended.transpose(1, 2).flatten(0, 1)
    return attended_NHK


def varlen_attention(query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, pack: Pack) -> Tensor:
    """Attend within each sequence by torch's variable-length flash attention.

    Parameters
    ----------
    query_NHK, key_NHK, value_NHK : Tensor, shape (N, H, K), float16 or bfloat16
        On a CUDA device of compute capability 8.0 or higher.
    pack : Pack
        Whose sequences the tokens are.

    Returns
    -------
    Tensor, shape (N, H, K)
        Attended values.
    """
    from torch.nn.attention.varlen import varlen_attn  # a CUDA kernel: nothing of it is needed elsewhere

    borders, longest = pack.boundaries, pack.max_length
    attended = varlen_attn(query_NHK, key_NHK, value_NHK, borders, borders, longest, longest)
    assert isinstance(attended, Tensor)  # a tuple only when more outputs are asked for
    return attended
