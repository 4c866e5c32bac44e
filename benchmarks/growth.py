"""The same work on more and more sequences: ``python -m benchmarks --only growth``.

`virnucpro predict` and `virnucpro embed` with the package's own model on seeded reads and proteins, none of which is
there twice. Every run is a process of its own. Seconds are of processor time on all cores, which other work on the
machine hardly changes; those of a run with a single sequence are taken off.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.race import measured
from benchmarks.workloads import BASES, RESIDUES

SIZES = {"predict": (1000, 20_000, 200_000), "embed": (1000, 10_000, 100_000)}
"""Sequences; of 20,000 reads and more `predict` makes more than one part."""


def write(path: Path, letters: list[str], length: int, count: int) -> None:
    """Seeded sequences, all of one length."""
    drawn = np.random.default_rng(0).choice(np.frombuffer("".join(letters).encode(), np.uint8), (count, length))
    path.write_text("".join(f">s{number}\n{row.tobytes().decode()}\n" for number, row in enumerate(drawn)))


def rows() -> Iterator[dict[str, Any]]:
    """Seconds per sequence and peak memory of both verbs, at every size."""
    options = {"predict": ["--classifier", "mini"], "embed": ["--model", "mini"]}
    for verb, sizes in SIZES.items():
        letters, length = (BASES, 150) if verb == "predict" else (RESIDUES, 50)
        start_up = 0.0
        for count in (1, *sizes):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "x.fa"
                write(path, letters, length, count)
                _, memory, seconds = measured(
                    [sys.executable, "-m", "virnucpro", verb, str(path), "-o", f"{folder}/out", *options[verb], "-q"]
                )
            if count == 1:
                start_up = seconds
                continue
            each = (seconds - start_up) / count
            yield {"verb": verb, "sequences": count, "seconds": seconds, "start_up": start_up, "each": each} | {
                "memory_gb": memory / 1e9
            }
