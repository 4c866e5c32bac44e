"""A run with too little memory halves its batches, and gives the same vectors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.contestants import Packed
from benchmarks.gpu_report.scale import Scale
from benchmarks.table import HALF_COSINE
from benchmarks.worker import timed, tokens_of
from benchmarks.workloads import write_sequences

ROOM_BYTES = 400 << 20
"""Memory beside the weights."""


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Embed with all memory, then with little."""
    fasta = write_sequences("mean350", scale.proteins, scale.folder)
    tokens = tokens_of(scale.esm2_folder, fasta)[: max(scale.proteins // 8, 4)]
    contestant = Packed(scale.esm2_folder, "fp16", scale.device, scale.max_tokens)
    expected = contestant.pooled(tokens)
    told: list[str] = []
    logging.getLogger("virnucpro.embedding").addHandler(_Listener(told))
    contestant.max_tokens = max(scale.budgets)
    if scale.is_cuda:
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(scale.device).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + ROOM_BYTES) / total)
    found: list[torch.Tensor] = []
    seconds = timed(lambda: found.append(contestant.pooled(tokens)), scale.device)
    cosine = torch.cosine_similarity(found[0], expected).min().item()
    yield {
        "max_tokens": contestant.max_tokens, "room_gb": ROOM_BYTES / 1e9, "limited": scale.is_cuda, "seconds": seconds,
        "halved": told, "rows": len(found[0]), "expected_rows": len(expected), "cosine": cosine,
        "max_abs": (found[0] - expected).abs().max().item(),
        "sound": cosine >= HALF_COSINE and (bool(told) or not scale.is_cuda),
    }  # fmt: skip


class _Listener(logging.Handler):
    """Keeps warnings."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.told = told

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())
