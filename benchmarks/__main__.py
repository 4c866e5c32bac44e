"""Every engine beside its rivals, in one run: ``python -m benchmarks [--device cuda]``, which is ``make bench``.

Full-size shapes with random weights; sequences with the lengths of real ones. Every contestant is loaded once, in a
process of its own; repetitions alternate; medians. Rows go to ``benchmarks/results/``; ``python -m benchmarks.table``
makes the table of ``docs/performance.md`` from them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # for every contestant, as `virnucpro` says it for itself

from benchmarks import alibi, frames, growth, reads, startup
from benchmarks.race import Task, race
from benchmarks.workloads import write_dnabert_s, write_esm2, write_sequences
from virnucpro.models.encoders import ACCELERATOR_MAX_TOKENS, CPU_MAX_TOKENS
from virnucpro.models.placement import choose_placement

RESULTS = Path(__file__).parent / "results"
COUNTS = {
    "cpu": {"proteome": 32, "equal": 32, "frames500": 72, "frames300": 112, "dna500": 96},  # eight batches and more
    "cuda": {"proteome": 4096, "equal": 4096, "frames500": 8192, "frames300": 8192, "dna500": 16384},
}
BUDGETS = {"cpu": (512, 1024, 2048, 4096), "cuda": (2048, 8192, 16384, 32768, 65536)}
CHOSEN = {"cpu": CPU_MAX_TOKENS, "cuda": ACCELERATOR_MAX_TOKENS}
Rows = Iterator[dict[str, Any]]


def proteins(kind: str, device: str, repetitions: int, rivals: bool) -> Rows:
    """The 650M shape on one kind of sequences, with all rivals or only the fair one."""
    kind_of = device.partition(":")[0]
    half, budget, model = "bf16" if kind_of == "cpu" else "fp16", CHOSEN[kind_of], str(write_esm2())
    fasta = str(write_sequences(kind, COUNTS[kind_of][kind]))

    def task(engine: str, dtype: str) -> Task:
        return Task(engine, dtype, device, budget, model, fasta)

    tasks = [task("virnucpro", half), task("transformers, sorted", half)]
    exact = task("transformers, as written", "fp32") if rivals else task("virnucpro", "fp32")
    if rivals:
        tasks += [task("virnucpro embed", half), task("fair-esm", "fp32")]
    yield from race([*tasks, exact], repetitions, exact)


def curve(device: str, repetitions: int) -> Rows:
    """The encoder with several budgets of tokens; after `proteins` with rivals, which leaves the exact vectors."""
    kind_of = device.partition(":")[0]
    half, model = "bf16" if kind_of == "cpu" else "fp16", str(write_esm2())
    fasta = str(write_sequences("proteome", COUNTS[kind_of]["proteome"]))
    tasks = [Task("virnucpro", half, device, budget, model, fasta) for budget in BUDGETS[kind_of]]
    exact = Task("transformers, as written", "fp32", device, CHOSEN[kind_of], model, fasta)
    for row in race(tasks, repetitions, exact):
        yield row | {"stage": "curve"}


def dna(device: str, repetitions: int) -> Rows:
    """The DNABERT-S shape beside VirNucPro's loop."""
    kind_of = device.partition(":")[0]
    half, model = "bf16" if kind_of == "cpu" else "fp16", str(write_dnabert_s())
    fasta = str(write_sequences("dna500", COUNTS[kind_of]["dna500"]))
    exact = Task("one by one", "fp32", device, 1, model, fasta)
    tasks = [Task(engine, half, device, CHOSEN[kind_of], model, fasta) for engine in ("virnucpro", "virnucpro embed")]
    yield from race([*tasks, exact], repetitions, exact)


def profiles(device: str) -> Rows:
    """What both encoders do with their time."""
    kind_of = device.partition(":")[0]
    half, budget = "bf16" if kind_of == "cpu" else "fp16", CHOSEN[kind_of]
    for model, kind in ((write_esm2(), "proteome"), (write_dnabert_s(), "dna500")):
        fasta = write_sequences(kind, COUNTS[kind_of][kind])
        command = [sys.executable, "-m", "benchmarks.profile", str(model), str(fasta), half, device, str(budget)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        yield from (json.loads(line) for line in printed.splitlines() if line.startswith("{"))


def suites(device: str, repetitions: int) -> dict[str, Callable[[], Rows]]:
    """All parts of a run, by name; what runs on the CPU whatever the device is left out for others."""
    parts: dict[str, Callable[[], Rows]] = {
        "proteome": lambda: proteins("proteome", device, repetitions, rivals=True),
        "curve": lambda: curve(device, repetitions),
        "dna": lambda: dna(device, repetitions),
    }
    for kind in ("equal", "frames500", "frames300"):
        parts[kind] = lambda kind=kind: proteins(kind, device, repetitions, rivals=False)  # type: ignore[misc]
    parts["profile"] = lambda: profiles(device)
    if device.startswith("cuda"):
        parts["alibi"] = lambda: alibi.rows(device, CHOSEN["cuda"], repetitions)
    if device == "cpu":
        parts["reads"] = lambda: reads.rows(repetitions)
        parts |= {"windows": frames.rows, "growth": growth.rows, "startup": startup.rows}
    return parts


def main() -> None:
    """Run the parts asked for; write each row as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="PART", help="proteome, dna, equal, reads, windows, growth, ...")
    options = parser.parse_args()
    parts = suites(options.device, options.repetitions)
    RESULTS.mkdir(exist_ok=True)
    log = RESULTS / f"{options.device.partition(':')[0]}.jsonl"
    hardware = choose_placement(options.device).describe()
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    for name in options.only or parts:
        kept = (
            [line for line in log.read_text().splitlines() if json.loads(line)["part"] != name] if log.exists() else []
        )
        started, rows = time.perf_counter(), []
        for row in parts[name]():
            rows.append(json.dumps({"part": name, "hardware": hardware, "versions": versions} | row))
            print(rows[-1], flush=True)
        log.write_text("".join(line + "\n" for line in [*kept, *rows]))
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
