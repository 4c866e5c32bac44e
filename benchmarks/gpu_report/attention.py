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
    yield from _alibi(scale, with_flex=False)


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
