"""Where the time of one encoder goes, by torch's own profiler: a part of ``python -m benchmarks``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.contestants import Packed
from benchmarks.worker import tokens_of

MOST = 8


def rows(model: Path, fasta: Path, dtype: str, device: str, max_tokens: int) -> Iterator[dict[str, Any]]:
    """The operators that take most of the time, each with its share."""
    tokens, encoder = tokens_of(model, fasta), Packed(model, dtype, device, max_tokens)
    torch.set_num_threads(1)  # the profiler sees no operators of a pool of threads
    activity = ProfilerActivity.CUDA if device.startswith("cuda") else ProfilerActivity.CPU
    with torch.inference_mode():
        encoder.pooled(tokens)
        with profile(activities=[activity]) as found:
            encoder.pooled(tokens)
    own = "self_device_time_total" if device.startswith("cuda") else "self_cpu_time_total"
    events = sorted(found.key_averages(), key=lambda event: -getattr(event, own))
    total = sum(getattr(event, own) for event in events)
    for event in events[:MOST]:
        yield {
            "model": model.name, "dtype": dtype, "operator": event.key, "share": getattr(event, own) / total,
            "calls": event.count,
        }  # fmt: skip


def main() -> None:
    """Print rows; in a process of its own, whose memory is nobody else's."""
    model, fasta, dtype, device, max_tokens = sys.argv[1:]
    for row in rows(Path(model), Path(fasta), dtype, device, int(max_tokens)):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
