"""One contestant in a process of its own: ``python -m benchmarks.worker JSON``; a line on stdin is one repetition.

Each repetition prints seconds and the matrix-product peak of the number format, measured just before and after it. The
first line printed says that loading is done; an empty line ends it with memory, vectors and hidden states in a file.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from itertools import takewhile
from pathlib import Path

import torch

from benchmarks.contestants import CONTESTANTS
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.placement import DTYPES
from virnucpro.records import Molecule
from virnucpro.sequences.reading import SequenceFile

SAMPLE = 3
"""Sequences whose hidden states are compared residue by residue."""


def matrix_peak(dtype: torch.dtype, device: str, size: int | None = None) -> float:
    """FLOP per second of the best of some products of square matrices."""
    usual, products = (2048, 4) if device == "cpu" else (8192, 12)
    size = size or usual
    a = torch.randn(size, size, dtype=torch.float32, device=device).to(dtype)
    seconds = min(timed(lambda: a @ a, device) for _ in range(products))
    return 2 * size**3 / seconds


def timed(work: object, device: str) -> float:
    """Seconds of a call, with what it left running on a device."""
    synchronise = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    synchronise()
    started = time.perf_counter()
    work()  # type: ignore[operator]
    synchronise()
    return time.perf_counter() - started


def tokens_of(model: Path, fasta: Path) -> list[torch.Tensor]:
    """Tokens of every sequence, by the model's own rules; nothing is loaded for proteins."""
    checkpoint = open_checkpoint(model)
    if checkpoint.molecule is Molecule.DNA:
        texts = [record.sequence for record in SequenceFile(fasta)]
        return [torch.from_numpy(checkpoint.tokenizer.encode(text)) for text in texts]
    from virnucpro.models.tokens import encode_protein

    return [torch.from_numpy(encode_protein(record.sequence.encode())) for record in SequenceFile(fasta)]


def main() -> None:
    """Load, then obey."""
    task = json.loads(sys.argv[1])
    device, model = task["device"], Path(task["model"])
    tokens = tokens_of(model, Path(task["fasta"]))
    contestant = CONTESTANTS[task["engine"]](model, task["dtype"], device, task["max_tokens"])
    dtype, vectors = DTYPES[task["dtype"]], torch.empty(0)
    with torch.inference_mode():
        contestant.pooled(tokens[:2])
        print(json.dumps({"tokens": [len(t) for t in tokens]}), flush=True)
        for _ in takewhile(str.strip, sys.stdin):  # an empty line, or nobody there any more
            peak = matrix_peak(dtype, device)

            def work() -> None:
                nonlocal vectors
                vectors = contestant.pooled(tokens)

            seconds = timed(work, device)
            print(json.dumps({"seconds": seconds, "peak": max(peak, matrix_peak(dtype, device))}), flush=True)
        on_device = torch.cuda.max_memory_allocated() if device.startswith("cuda") else 0
        memory = on_device or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        torch.save({"vectors": vectors, "states": contestant.states(tokens[:SAMPLE])}, task["out"])
        print(json.dumps({"memory": memory}), flush=True)


if __name__ == "__main__":
    main()
