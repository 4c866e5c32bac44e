"""`virnucpro predict` on some reads and on ten times as many: ``python -m benchmarks.scaling [--reads N]``.

Prints time and peak memory of both runs and their ratios. Reads are seeded, random, 150 bases long; models are `demo`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def write_reads(path: Path, reads: int) -> None:
    """Write FASTA; the same reads again and again, so that both runs do the same work per read."""
    letters = np.random.default_rng(0).choice(np.array(list("ACGT")), (1000, 150))
    sequences = ["".join(read) for read in letters]
    with path.open("w") as stream:
        for number in range(reads):
            stream.write(f">read_{number}\n{sequences[number % len(sequences)]}\n")


def measured(path: Path, outdir: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of one run."""
    command = [sys.executable, "-m", "virnucpro", "predict", str(path), "-o", str(outdir), "--classifier", "demo", "-q"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{' '.join(command)} failed"
    return time.perf_counter() - started, usage.ru_maxrss / 1e3


def main() -> None:
    """Run both and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reads", type=int, default=4000)
    reads = parser.parse_args().reads
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for times in (1, 10):
            path = Path(folder) / f"reads_{times}.fa"
            write_reads(path, reads * times)
            seconds, memory = measured(path, Path(folder) / f"out_{times}")
            rows = (Path(folder) / f"out_{times}" / "calls.tsv").read_text().count("\n") - 1
            print(f"{reads * times:,} reads: {rows:,} rows, {seconds:.1f} s, {memory:,.0f} MB")
            results.append((seconds, memory))
    (first, first_memory), (second, second_memory) = results
    print(f"time ratio {second / first:.2f}, memory ratio {second_memory / first_memory:.3f}")


if __name__ == "__main__":
    main()
