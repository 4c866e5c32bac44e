"""From a file in the page cache to an encoder of the 650M shape: ``python -m benchmarks --only loading``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.workloads import write_esm2

OURS = """
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.encoders import for_inference
from virnucpro.models.placement import choose_placement

placement = choose_placement("cpu", "bf16")
def load():
    return for_inference(open_checkpoint(folder), placement)
"""
THEIRS = """
import torch
from transformers import EsmModel

def load():
    return EsmModel.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa", add_pooling_layer=False)
"""
TIMED = """
import json, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
{load}
def memory():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024
before, started = memory(), time.perf_counter()
model = load()
print(json.dumps([time.perf_counter() - started, memory() - before]))
"""


def rows(pairs: int) -> Iterator[dict[str, Any]]:
    """Seconds in alternation, each in a fresh process; importing libraries is not counted."""
    folder = str(write_esm2())
    found: dict[str, list[tuple[float, float]]] = {"virnucpro": [], "transformers": []}
    with open(f"{folder}/model.safetensors", "rb") as stream:  # into the page cache
        while stream.read(1 << 24):
            pass
    for _ in range(pairs):
        for name, load in (("virnucpro", OURS), ("transformers", THEIRS)):
            command = [sys.executable, "-c", TIMED.format(load=load), folder]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, memory = json.loads(printed.splitlines()[-1])
            found[name].append((seconds, memory))
    for name, measured in found.items():
        seconds, memory = map(list, zip(*measured, strict=True))
        yield {"engine": name, "dtype": "bf16", "seconds": seconds, "memory_gb": max(memory) / 1e9}
