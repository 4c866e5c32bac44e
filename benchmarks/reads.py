"""How fast reads are called: ``python -m benchmarks --only reads``.

`virnucpro predict` with the package's own model, on reads of 500 bp that are cut from genomes simulated by codon pairs,
viral and cellular, with genes of 100 to 600 codons: nearly every read has one row, as fragments of real genomes have.
Beside it, the peers that `benchmarks.peers` has installed. Every run is a process of its own; all run in turn.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import installed_peers
from benchmarks.race import measured
from examples.simulate_genomes import COUNTS, contig, read_genomes

READS, READ_BP = 4000, 500


def write(path: Path, count: int) -> None:
    """Seeded reads of all genomes in turn."""
    generator, genomes = np.random.default_rng(0), read_genomes(COUNTS)
    reads = [contig(genomes[number % len(genomes)], generator, READ_BP) for number in range(count)]
    path.write_text("".join(f">r{number}\n{read}\n" for number, read in enumerate(reads)))


def rows(pairs: int, count: int = READS) -> Iterator[dict[str, Any]]:
    """Wall time of each command on all reads and, in turn with it, on a single one."""
    commands = {"virnucpro": predict_command, **installed_peers()}
    taken: dict[tuple[str, int], list[float]] = {(name, reads): [] for name in commands for reads in (1, count)}
    with tempfile.TemporaryDirectory() as folder:
        for reads in (1, count):
            write(Path(folder) / f"{reads}.fa", reads)
        for number in range(pairs):
            for (name, reads), seconds in taken.items():
                started = time.perf_counter()
                measured(commands[name](f"{folder}/{reads}.fa", f"{folder}/{name}_{reads}_{number}"))
                seconds.append(time.perf_counter() - started)
    for name in commands:
        whole, start_up = taken[name, count], taken[name, 1]
        yield {"engine": name, "reads": count, "read_bp": READ_BP, "seconds": whole, "start_up": start_up}


def predict_command(fasta: str, out: str) -> list[str]:
    """This package."""
    return [sys.executable, "-m", "virnucpro", "predict", fasta, "-o", out, "--device", "cpu", "-q"]
