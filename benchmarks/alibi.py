"""Attention with ALiBi for DNABERT-S on a GPU, one layer: what the package does beside other ways.

A part of ``python -m benchmarks --device cuda``. FlexAttention takes the whole pack at once, with a mask that keeps
sequences apart and ALiBi as a change of scores; it is compiled, which is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from benchmarks.worker import timed
from benchmarks.workloads import lengths
from virnucpro.models.attention import alibi_bias, alibi_slopes, grouped_attention, padded_attention
from virnucpro.models.pack import Pack

HEADS, HEAD_WIDTH, BASES_PER_TOKEN = 12, 64, 5


def rows(device: str, max_tokens: int, repetitions: int, with_flex: bool = True) -> Iterator[dict[str, Any]]:
    """Seconds of each on one batch, and how far it is from the first."""
    tokens = sorted((length // BASES_PER_TOKEN for length in lengths("dna500", max_tokens // 80)), reverse=True)
    pack = Pack(torch.zeros(sum(tokens), dtype=torch.int64, device=device), tuple(tokens))
    shape = (3, sum(tokens), HEADS, HEAD_WIDTH)
    given = tuple(torch.randn(shape, device=device, dtype=torch.float16))
    bias = alibi_bias(HEADS, pack.max_length, torch.device(device)).half()
    ways: dict[str, Callable[[], Callable[..., Tensor]]] = {
        "SDPA, padded buckets": lambda: padded_attention(bias, pack),
        "SDPA, groups of one length": lambda: lambda *qkv: grouped_attention(*qkv, pack, bias),
    }
    if with_flex:
        ways["FlexAttention"] = lambda: flex(pack, device)
    first = None
    with torch.inference_mode():
        for name, prepare in ways.items():
            attention = prepare()
            found = attention(*given)
            first = found if first is None else first
            seconds = [timed(lambda run=attention: run(*given), device) for _ in range(max(10, repetitions))]
            groups = len(pack.buckets) if "buckets" in name else len(pack.runs)
            yield {
                "attention": name, "tokens": sum(tokens), "groups": groups, "seconds": seconds,
                "max_abs": (found - first).abs().max().item(),
            }  # fmt: skip


def flex(pack: Pack, device: str) -> Callable[..., Tensor]:
    """Prepare FlexAttention for a pack."""
    slopes, owner, count = alibi_slopes(HEADS).to(device), pack.sequence_of_token_N, len(pack.tokens_N)
    mask = create_block_mask(lambda _b, _h, q, k: owner[q] == owner[k], None, None, count, count, device=device)
    compiled = torch.compile(flex_attention)

    def attention(*qkv: Tensor) -> Tensor:
        heads_first = [tensor.transpose(0, 1)[None] for tensor in qkv]
        attended: Tensor = compiled(
            *heads_first, score_mod=lambda s, _b, h, q, k: s - slopes[h] * (q - k).abs(), block_mask=mask
        )
        return attended[0].transpose(0, 1)

    return attention
