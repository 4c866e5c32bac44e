"""Peak memory of `predict` with one result, and with every result that it can write.

    python benchmarks/writers.py --reads 200000

Reads are random FASTQ; the model is the package's own. Each run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from virnucpro.writers.outputs import OUTPUTS

RUNS = {
    "calls only": ["--only", "calls"],
    "every output": ["--only", ",".join(output.name for output in OUTPUTS), "--single-windows", "--class-scores"],
}


def write_reads(path: Path, reads: int, length_bp: int) -> None:
    """Write random reads with qualities."""
    generator = np.random.default_rng(1)
    with path.open("w") as stream:
        for number in range(reads):
            letters = generator.choice(np.frombuffer(b"ACGT", np.uint8), length_bp).tobytes().decode()
            stream.write(f"@read{number}\n{letters}\n+\n{'I' * length_bp}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=200_000)
    parser.add_argument("--length", type=int, default=150)
    parser.add_argument("--threads", default="1")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reads = Path(folder) / "reads.fastq"
        write_reads(reads, options.reads, options.length)
        print(f"| {options.reads:,} reads of {options.length} bp | peak (MB) | plan (s) | compute (s) | collect (s) |")
        print("|---|---|---|---|---|")
        for name, outputs in RUNS.items():
            outdir = Path(folder) / name.replace(" ", "_")
            command = [sys.executable, "-m", "virnucpro", "predict", str(reads), "-o", str(outdir), "-q", "-t"]
            subprocess.run([*command, options.threads, *outputs], check=True)
            found = json.loads((outdir / "run.json").read_text())["execution"]
            seconds = " | ".join(f"{found['seconds'][stage]:.1f}" for stage in ("plan", "compute", "collect"))
            print(f"| {name} | {found['peak_mb']} | {seconds} |", flush=True)


if __name__ == "__main__":
    main()
