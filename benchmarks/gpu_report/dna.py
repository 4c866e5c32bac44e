"""The DNABERT-S shape: tokens per second, in both half precisions and over budgets of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from benchmarks.contestants import Packed
from benchmarks.gpu_report.paired import race
from benchmarks.gpu_report.proteins import HALVES, budgets, row
from benchmarks.gpu_report.scale import Scale
from benchmarks.race import work
from benchmarks.worker import tokens_of
from benchmarks.workloads import write_sequences
from virnucpro.embedding import batches
from virnucpro.models.placement import DTYPES


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Measure the encoder, then budgets of tokens."""
    tokens = tokens_of(scale.dna_folder, write_sequences("dna500", scale.fragments, scale.folder))
    lengths = [len(one) for one in tokens]
    flop = work(lengths, True, scale.dna)
    own = {dtype: Packed(scale.dna_folder, dtype, scale.device, scale.max_tokens) for dtype in HALVES}
    runs = {f"virnucpro, {dtype}": partial(own[dtype].pooled, tokens) for dtype in HALVES}
    for contestant in own.values():
        contestant.pooled(tokens[: max(len(tokens) // 4, 2)])
    timings = race(runs, {name: DTYPES[name.rpartition(" ")[2]] for name in runs}, scale, scale.repetitions)
    for name, timing in timings.items():
        yield row(name, scale.max_tokens, timing, lengths, flop)
    own["fp16"].pooled(tokens)
    turns = {"one batch at a time, fp16": 1, "two batches in turns, fp16": batches.IN_FLIGHT}
    runs = {name: partial(pooled, own["fp16"], tokens, count) for name, count in turns.items()}
    for name, timing in race(runs, dict.fromkeys(runs, torch.float16), scale, scale.repetitions).items():
        yield row(name, scale.max_tokens, timing, lengths, flop)
    yield from budgets(own["fp16"], tokens, scale, flop)


def pooled(contestant: Packed, tokens: list[torch.Tensor], in_flight: int) -> None:
    """Embed with so many batches at a time on a GPU."""
    usual, batches.IN_FLIGHT = batches.IN_FLIGHT, in_flight
    try:
        contestant.pooled(tokens)
    finally:
        batches.IN_FLIGHT = usual
