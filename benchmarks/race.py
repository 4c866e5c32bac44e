"""Runs contestants in alternation, each in a process of its own that is loaded once, and makes rows of it."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.workloads import CACHE, DNA_SHAPE, ESM2_SHAPE, Shape


@dataclass(frozen=True)
class Task:
    """One contestant on one kind of sequences."""

    engine: str
    dtype: str
    device: str
    max_tokens: int
    model: str
    fasta: str

    @property
    def out(self) -> Path:
        """Where its vectors go."""
        name = f"{self.engine}_{self.dtype}_{self.max_tokens}_{Path(self.fasta).stem}"
        return CACHE / f"{re.sub('[^a-z0-9]+', '_', name)}.pt"


def work(lengths: Iterable[int], dna: bool, shape: Shape | None = None) -> float:
    """FLOP of the real tokens: 2 per weight of the linear layers, and both products of attention."""
    shape, lengths = shape or (DNA_SHAPE if dna else ESM2_SHAPE), list(lengths)
    width, feed_forward, layers = shape["hidden_size"], shape["intermediate_size"], shape["num_hidden_layers"]
    weights = layers * (4 * width**2 + (3 if dna else 2) * width * feed_forward)
    return 2 * weights * sum(lengths) + 4 * layers * width * sum(n * n for n in lengths)


class Contestant:
    """A loaded worker."""

    def __init__(self, task: Task) -> None:
        self.task, self.seconds, self.peaks = task, list[float](), list[float]()
        command = [sys.executable, "-m", "benchmarks.worker", json.dumps(asdict(task) | {"out": str(task.out)})]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lengths: list[int] = self._told()["tokens"]

    def _told(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told
        raise SystemExit(f"{self.task} ended early")

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line, give what comes back."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._told()

    def repeat(self) -> None:
        """Measure once."""
        told = self.ask("go")
        self.seconds.append(told["seconds"])
        self.peaks.append(told["peak"])

    def memory_used(self) -> float:
        """End the process, which writes its vectors first; give its peak memory in bytes."""
        memory: float = self.ask("")["memory"]
        self.process.wait()
        return memory

    def finish(self) -> dict[str, Any]:
        """Give the row."""
        memory = self.memory_used()
        dna, median = "dnabert" in self.task.model, statistics.median(self.seconds)
        return asdict(self.task) | {
            "kind": Path(self.task.fasta).stem.split("_")[0], "stage": "engine", "sequences": len(self.lengths),
            "tokens": sum(self.lengths), "seconds": self.seconds,
            "flop_per_s": [work(self.lengths, dna) / seconds for seconds in self.seconds],
            "tokens_per_s": sum(self.lengths) / median,
            "mfu": work(self.lengths, dna) / median / statistics.median(self.peaks), "peak_flops": self.peaks,
            "memory_gb": memory / 1e9,
        }  # fmt: skip


def measured(command: list[str]) -> tuple[str, float, float]:
    """Run a process; give what it printed, its peak memory in bytes and its seconds of processor time."""
    done = subprocess.run([sys.executable, "-c", _BETWEEN, *command], capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{printed}")
    memory, seconds = done.stdout.splitlines()[-1].split()
    return printed, int(memory) * 1024, float(seconds)


_BETWEEN = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(code)
"""
"""A small process between: Linux counts the memory of whoever starts a process among that process's own."""


def race(tasks: list[Task], repetitions: int, exact: Task) -> list[dict[str, Any]]:
    """Let all run in turn; hold their vectors against those of `exact`, which may have run before."""
    contestants = list(map(Contestant, tasks))  # perhaps with a float32 one that is a mere yardstick, and runs once
    for number in range(repetitions):
        for contestant in contestants:
            if not number or contestant.task != exact or exact.engine != "virnucpro":
                contestant.repeat()
    rows = [contestant.finish() for contestant in contestants]
    expected = torch.load(exact.out, weights_only=True)
    return [
        row | parity(torch.load(task.out, weights_only=True), expected) for row, task in zip(rows, tasks, strict=True)
    ]


def parity(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """How far vectors are from float32's, and whether there is one for every record."""
    vectors, exact = found["vectors"], expected["vectors"]
    residues = [
        torch.cosine_similarity(a, b).min().item() for a, b in zip(found["states"], expected["states"], strict=False)
    ]
    return {
        "rows": len(vectors), "complete": len(vectors) == len(exact) and bool(vectors.isfinite().all()),
        "max_abs": (vectors - exact).abs().max().item(),
        "cosine": torch.cosine_similarity(vectors, exact).min().item(),
        "residue_cosine": min(residues) if residues else None,
    }  # fmt: skip
