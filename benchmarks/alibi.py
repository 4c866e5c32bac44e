"""Which attention DNABERT-S should have on a GPU: SDPA with a bias on groups of one length, or FlexAttention.

A part of ``python -m benchmarks --device cuda``. FlexAttention takes the whole pack at once, with a mask that keeps
sequences apart and ALiBi as a change of scores; it is compiled, which is counted by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from benchmarks.worker import timed
from benchmarks.workloads import lengths
from virnucpro.models.attention import alibi_attention, alibi_bias, alibi_slopes
from virnucpro.models.pack import Pack

HEADS, HEAD_WIDTH, BASES_PER_TOKEN = 12, 64, 5


def rows(device: str, max_tokens: int, repetitions: int) -> Iterator[dict[str, Any]]:
    """Seconds of both on one batch, and how far they are apart."""
    tokens = sorted((length // BASES_PER_TOKEN for length in lengths("dna500", max_tokens // 80)), reverse=True)
    pack = Pack(torch.zeros(sum(tokens), dtype=torch.int64, device=device), tuple(tokens))
    shape = (3, sum(tokens), HEADS, HEAD_WIDTH)
    query, key, value = torch.randn(shape, device=device, dtype=torch.float16)
    bias = alibi_bias(HEADS, pack.max_length, torch.device(device)).half()
    slopes, owner, count = alibi_slopes(HEADS).to(device), pack.sequence_of_token_N, sum(tokens)
    mask = create_block_mask(lambda _b, _h, q, k: owner[q] == owner[k], None, None, count, count, device=device)
    compiled = torch.compile(flex_attention)

    def flex() -> torch.Tensor:
        heads_first = [tensor.transpose(0, 1)[None] for tensor in (query, key, value)]
        attended: torch.Tensor = compiled(
            *heads_first, score_mod=lambda s, _b, h, q, k: s - slopes[h] * (q - k).abs(), block_mask=mask
        )
        return attended[0].transpose(0, 1)

    def grouped() -> torch.Tensor:
        return alibi_attention(query, key, value, bias, pack)

    with torch.inference_mode():
        apart = (flex() - grouped()).abs().max().item()
        for name, work in (("sdpa, groups of one length", grouped), ("FlexAttention", flex)):
            seconds = [timed(work, device) for _ in range(max(10, repetitions))]
            yield {"attention": name, "tokens": count, "groups": len(pack.runs), "seconds": seconds, "max_abs": apart}
