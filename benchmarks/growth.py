"""The same work on more and more sequences: ``python -m benchmarks --only growth``.

`virnucpro predict` and `virnucpro embed` with the package's own model on seeded reads, none of which is there twice.
Every run is a process of its own, and all sizes run in turn. Seconds are of processor time on all cores, which other
work on the machine hardly changes; those of a run with a single sequence are taken off.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.race import measured
from benchmarks.workloads import BASES

SIZES = {"predict": (1000, 10_000, 100_000), "embed": (1000, 10_000, 100_000)}
READ_BP = 150
FULL_PART = {"predict": 10_000, "embed": 10_000}
"""Sequences from which on memory should not grow: those of one full part."""


def write(path: Path, letters: list[str], length: int, count: int) -> None:
    """Seeded sequences, all of one length."""
    drawn = np.random.default_rng(0).choice(np.frombuffer("".join(letters).encode(), np.uint8), (count, length))
    path.write_text("".join(f">s{number}\n{row.tobytes().decode()}\n" for number, row in enumerate(drawn)))


def rows(pairs: int, sizes: Mapping[str, Sequence[int]] = SIZES) -> Iterator[dict[str, Any]]:
    """Seconds per sequence and peak memory of both verbs, at every size."""
    options = {"predict": ["--classifier", "mini"], "embed": ["--model", "mini"]}
    for verb, counts in sizes.items():
        taken: dict[int, list[float]] = {count: [] for count in (1, *counts)}
        memory = dict.fromkeys(taken, 0.0)
        with tempfile.TemporaryDirectory() as folder:
            for count in taken:
                write(Path(folder) / f"{count}.fa", BASES, READ_BP, count)
            for _ in range(pairs):
                for count in taken:
                    command = [sys.executable, "-m", "virnucpro", verb, f"{folder}/{count}.fa", "-o", f"{folder}/out"]
                    _, used, seconds = measured([*command, *options[verb], "-q", "--overwrite"])
                    taken[count].append(seconds)
                    memory[count] = max(memory[count], used / 1e9)
        for count in counts:
            each = [(whole - start_up) / count for whole, start_up in zip(taken[count], taken[1], strict=True)]
            yield {"verb": verb, "sequences": count, "each": each, "memory_gb": memory[count]}
