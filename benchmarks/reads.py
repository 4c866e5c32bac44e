"""How fast reads are called: ``python -m benchmarks --only reads``.

`virnucpro predict` with the package's own model, on reads of 500 bp that are cut from genomes simulated by codon pairs,
viral and cellular, with genes of 100 to 600 codons: nearly every read has one row, as fragments of real genomes have.
Every run is a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.race import measured
from examples.simulate_genomes import COUNTS, contig, read_genomes

READS, READ_BP = 4000, 500


def write(path: Path, count: int) -> None:
    """Seeded reads of all genomes in turn."""
    generator, genomes = np.random.default_rng(0), read_genomes(COUNTS)
    reads = [contig(genomes[number % len(genomes)], generator, READ_BP) for number in range(count)]
    path.write_text("".join(f">r{number}\n{read}\n" for number, read in enumerate(reads)))


def rows(repetitions: int) -> Iterator[dict[str, Any]]:
    """Wall time of the command on all reads and, in turn with it, on a single one."""
    taken: dict[int, list[float]] = {1: [], READS: []}
    with tempfile.TemporaryDirectory() as folder:
        for count in taken:
            write(Path(folder) / f"{count}.fa", count)
        for number in range(repetitions):
            for count, seconds in taken.items():
                started = time.perf_counter()
                places = [f"{folder}/{count}.fa", "-o", f"{folder}/{count}_{number}"]
                measured([sys.executable, "-m", "virnucpro", "predict", *places, "--device", "cpu", "-q"])
                seconds.append(time.perf_counter() - started)
    start_up, whole = (median(taken[count]) for count in (1, READS))
    yield {"reads": READS, "read_bp": READ_BP, "seconds": whole, "all": taken[READS], "start_up": start_up} | {
        "reads_per_s": READS / whole,
        "behind_start_up_per_s": READS / (whole - start_up),
    }
