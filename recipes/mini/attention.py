"""Attention and rotation of which the way back is fast on a CPU; the values are those of the package's own.

The package's functions cut slices out of a pack and write slices into one. Backwards, every slice becomes a gradient as
large as the pack, and torch's fused kernel for the CPU is three times as slow as the written-out formula.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from virnucpro.models import dnabert_s, esm2
from virnucpro.models.esm2 import rotate
from virnucpro.models.pack import Pack

__all__ = ["trainable", "trainable_attention"]


def trainable_attention(
    query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, pack: Pack, bias_HLL: Tensor | None = None
) -> Tensor:
    """Attend within each sequence, neighbours of one length together.

    Parameters
    ----------
    query_NHK, key_NHK, value_NHK : Tensor, shape (N, H, K)
        Any number format.
    pack : Pack
        Whose sequences the tokens are.
    bias_HLL : Tensor, shape (H, L, L), optional
        Added to the scores; shorter sequences take its corner.

    Returns
    -------
    Tensor, shape (N, H, K)
        Attended values.
    """
    sizes = [count * length for _, count, length in pack.runs]
    pieces = zip(*(torch.split(t, sizes) for t in (query_NHK, key_NHK, value_NHK)), strict=True)
    scale = 1 / math.sqrt(query_NHK.shape[-1])
    attended = []
    for (_, count, length), (query, key, value) in zip(pack.runs, pieces, strict=True):
        q, k, v = (t.view(count, length, *t.shape[1:]).transpose(1, 2) for t in (query, key, value))
        scores = (q * scale) @ k.transpose(-1, -2)
        if bias_HLL is not None:
            scores = scores + bias_HLL[:, :length, :length]
        attended.append((scores.softmax(-1) @ v).transpose(1, 2).flatten(0, 1))
    return torch.cat(attended)


def _alibi(query_NHK: Tensor, key_NHK: Tensor, value_NHK: Tensor, bias_HLL: Tensor, pack: Pack) -> Tensor:
    return trainable_attention(query_NHK, key_NHK, value_NHK, pack, bias_HLL)


class _Turn(torch.autograd.Function):
    """Rotation in place, whose way back is the rotation the other way."""

    @staticmethod
    def forward(ctx: Any, vectors_N2HK: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:  # noqa: ANN401
        ctx.mark_dirty(vectors_N2HK)
        ctx.save_for_backward(cosine, sine)
        rotate(vectors_N2HK, (cosine, sine))
        return vectors_N2HK

    @staticmethod
    def backward(ctx: Any, gradient_N2HK: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        cosine, sine = ctx.saved_tensors
        turned = gradient_N2HK.clone()
        rotate(turned, (cosine, -sine))
        return turned, None, None


def _turn(vectors_N2HK: Tensor, rotation: tuple[Tensor, Tensor]) -> None:
    _Turn.apply(vectors_N2HK, *rotation)  # type: ignore[no-untyped-call]


@contextmanager
def trainable() -> Iterator[None]:
    """Let DNABERT-S attend, and ESM-2 rotate, in this way, which they do not take as an argument.

    It changes the package's modules while it lasts: enter it outside of threads, once for all of them.
    """
    with mock.patch.object(dnabert_s, "alibi_attention", _alibi), mock.patch.object(esm2, "rotate", _turn):
        yield
