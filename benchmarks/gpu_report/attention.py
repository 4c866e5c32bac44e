"""Attention of one layer in float16: the kernel of the package beside others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

import torch

from benchmarks import alibi
from benchmarks.gpu_report.scale import Scale
from benchmarks.worker import timed
from benchmarks.workloads import lengths
from virnucpro.models.attention import Attention, grouped_attention, varlen_attention
from virnucpro.models.esm2 import rotate
from virnucpro.models.pack import Pack

HEADS, HEAD_WIDTH = 20, 64
Row = dict[str, Any]


def rows(scale: Scale) -> Iterator[Row]:
    """Flash attention over a pack beside SDPA by groups; then ALiBi by padded buckets beside groups."""
    tokens = sorted(lengths("mean350", max(scale.max_tokens // 350, 4)), reverse=True)
    pack = Pack(torch.zeros(sum(tokens), dtype=torch.int64, device=scale.device), tuple(tokens))
    shape = (3, sum(tokens), HEADS, HEAD_WIDTH)
    query, key, value = torch.randn(shape, device=scale.device, dtype=torch.float16)
    ways: dict[str, Attention] = {"SDPA, groups of one length": grouped_attention}
    if scale.is_cuda:
        ways["variable-length flash attention"] = varlen_attention
    expected = grouped_attention(query, key, value, pack)
    with torch.inference_mode():
        for name, way in ways.items():
            run = partial(way, query, key, value, pack)
            apart = (run() - expected).abs().max().item()
            seconds = [timed(run, scale.device) for _ in range(10)]
            yield {"attention": f"650M: {name}", "tokens": sum(tokens), "ms": 1e3 * median(seconds), "max_abs": apart}
    yield from _rotary(scale, pack)
    yield from _alibi(scale, with_flex=False)


def _rotary(scale: Scale, pack: Pack) -> Iterator[Row]:
    """Queries and keys turned by their positions, as the package does, and without copies in float32."""
    angles = torch.outer(pack.positions_N.float(), torch.rand(HEAD_WIDTH, device=scale.device))
    rotation = (angles.cos()[:, None, None], angles.sin()[:, None, None])
    given = torch.randn((len(pack.tokens_N), 2, HEADS, HEAD_WIDTH), device=scale.device, dtype=torch.float16)
    with torch.inference_mode():
        for name, turn in (("as the package does", rotate), ("float16 read directly", _rotate_mixed)):
            turned = given.clone()
            turn(turned, rotation)
            expected = given.clone()
            rotate(expected, rotation)
            seconds = [timed(partial(turn, given.clone(), rotation), scale.device) for _ in range(10)]
            apart = (turned - expected).abs().max().item()
            yield {"attention": f"rotary: {name}", "tokens": len(given), "ms": 1e3 * median(seconds), "max_abs": apart}


def _rotate_mixed(vectors_N2HK: torch.Tensor, rotation: tuple[torch.Tensor, torch.Tensor]) -> None:
    """`models.esm2.rotate` without a copy of its input in float32."""
    cosine, sine = rotation
    half = HEAD_WIDTH // 2
    turned = vectors_N2HK * cosine
    turned[..., :half].addcmul_(vectors_N2HK[..., half:], sine[..., :half])
    turned[..., half:].addcmul_(vectors_N2HK[..., :half], sine[..., half:])
    vectors_N2HK.copy_(turned)


def flex_rows(scale: Scale) -> Iterator[Row]:
    """The same with FlexAttention, which has to be compiled."""
    if not scale.is_cuda:
        yield {"attention": "FlexAttention is measured on CUDA only"}
        return
    yield from _alibi(scale, with_flex=True)


def _alibi(scale: Scale, with_flex: bool) -> Iterator[Row]:
    for row in alibi.rows(scale.device, scale.max_tokens, 10, with_flex):
        seconds = row.pop("seconds")
        yield row | {"attention": f"ALiBi: {row['attention']}", "ms": 1e3 * median(seconds)}
