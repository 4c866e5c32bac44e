"""From file to file: ``python -m benchmarks --only files``.

`virnucpro embed` and transformers in turn, each in a fresh process, on proteins of proteome lengths. Wall time of the
whole process, so that start-up and loading count on both sides, and the time after them, which is that of the same
process with a single short protein taken off.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.race import measured, parity
from benchmarks.workloads import CACHE, write_esm2, write_sequences

PROTEINS = 160
OURS, THEIRS = "virnucpro embed", "transformers, sorted"


def command(engine: str, model: Path, fasta: Path) -> list[str]:
    """How an engine is started."""
    if engine == THEIRS:
        return [sys.executable, "-m", "benchmarks.rival", str(model), str(fasta), str(_result(engine, fasta))]
    own = [sys.executable, "-m", "virnucpro", "embed", str(fasta), "-o", str(CACHE / "embedded"), "--model", str(model)]
    return [*own, "--device", "cpu", "--dtype", "bf16", "--overwrite", "-q"]


def _result(engine: str, fasta: Path) -> Path:
    return CACHE / "rival.pt" if engine == THEIRS else CACHE / "embedded" / f"{fasta.stem}_ESM.pt"


def vectors(engine: str, fasta: Path) -> dict[str, Any]:
    """What an engine wrote, as `parity` takes it."""
    stored = torch.load(_result(engine, fasta), weights_only=True)
    return {"vectors": stored if engine == THEIRS else torch.stack(list(stored["data"])), "states": []}


def rows(pairs: int, proteins: int = PROTEINS) -> Iterator[dict[str, Any]]:
    """A row for each engine; the vectors of both are compared."""
    model, fasta = write_esm2(), write_sequences("proteome", proteins)
    single = CACHE / "single.fa"
    single.write_text(">single\nMKVLAGIDSE\n")
    engines = (OURS, THEIRS)
    taken: dict[tuple[str, Path], list[float]] = {(engine, path): [] for engine in engines for path in (single, fasta)}
    memory = dict.fromkeys(engines, 0.0)
    for _ in range(pairs):
        for (engine, path), seconds in taken.items():
            started = time.perf_counter()
            _, used, _ = measured(command(engine, model, path))
            seconds.append(time.perf_counter() - started)
            memory[engine] = max(memory[engine], used / 1e9)
    exact = vectors(THEIRS, fasta)
    for engine in engines:
        whole, loading = taken[engine, fasta], taken[engine, single]
        after = [a - b for a, b in zip(whole, loading, strict=True)]
        same = parity(vectors(engine, fasta), exact)
        yield {"engine": engine, "dtype": "bf16", "proteins": proteins, "whole": whole, "after_loading": after} | {
            "memory_gb": memory[engine], "complete": same["complete"], "cosine": same["cosine"]
        }  # fmt: skip
