"""Every engine beside its rivals, in one sitting: ``python -m benchmarks [--device cuda]``, which is ``make bench``.

Full-size shapes with random weights; sequences with the lengths of real ones. Contestants run in turn, pair by pair.
Rows go to ``benchmarks/results/``, part by part: started again, an interrupted sitting continues with the next part.
``--only`` adds parts to the finished sitting of this machine and version, if it began in the last three hours.
``python -m benchmarks.table`` makes the tables of ``docs/performance.md`` from finished sittings. ``--quick`` shows
within minutes that everything works; its figures mean nothing and go to another file.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # for every contestant, as `virnucpro` says it for itself

from benchmarks import alibi, files, frames, growth, loading, reads, startup
from benchmarks.race import Task, race
from benchmarks.sitting import STEADY, Sitting, UnsteadyError
from benchmarks.worker import matrix_peak
from benchmarks.workloads import write_dnabert_s, write_esm2, write_sequences
from virnucpro.models.encoders import ACCELERATOR_MAX_TOKENS, CPU_MAX_TOKENS
from virnucpro.models.placement import DTYPES

RESULTS = Path(__file__).parent / "results"
COUNTS = {
    "cpu": {"proteome": 32, "equal": 32, "frames500": 72, "frames300": 112, "dna500": 96},  # eight batches and more
    "cuda": {"proteome": 4096, "equal": 4096, "frames500": 8192, "frames300": 8192, "dna500": 16384},
}
BUDGETS = {"cpu": (512, 1024, 2048, 4096), "cuda": (2048, 8192, 16384, 32768, 65536)}
CHOSEN = {"cpu": CPU_MAX_TOKENS, "cuda": ACCELERATOR_MAX_TOKENS}
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Amounts:
    """How much is measured on a CPU."""

    proteins: int = files.PROTEINS
    reads: int = reads.READS
    bases: int = 10_000_000
    growth: Mapping[str, Sequence[int]] = field(default_factory=lambda: growth.SIZES)


QUICK = Amounts(proteins=4, reads=50, bases=400_000, growth={"predict": (20, 200), "embed": (20, 200)})


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
        tasks.append(task("fair-esm", "fp32"))
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
    task = Task("virnucpro", half, device, CHOSEN[kind_of], model, fasta)
    yield from race([task, exact], repetitions, exact)


def profiles(device: str) -> Rows:
    """What both encoders do with their time."""
    kind_of = device.partition(":")[0]
    half, budget = "bf16" if kind_of == "cpu" else "fp16", CHOSEN[kind_of]
    for model, kind in ((write_esm2(), "proteome"), (write_dnabert_s(), "dna500")):
        fasta = write_sequences(kind, COUNTS[kind_of][kind])
        command = [sys.executable, "-m", "benchmarks.profile", str(model), str(fasta), half, device, str(budget)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        yield from (json.loads(line) for line in printed.splitlines() if line.startswith("{"))


def suites(device: str, pairs: int, amounts: Amounts) -> dict[str, Callable[[], Rows]]:
    """All parts by name. What runs on the CPU whatever the device is left out for others."""
    parts: dict[str, Callable[[], Rows]] = {}
    if device == "cpu":
        parts |= {
            "startup": lambda: startup.rows(pairs),
            "loading": lambda: loading.rows(pairs),
            "windows": lambda: frames.rows(pairs, amounts.bases),
            "reads": lambda: reads.rows(pairs, amounts.reads),
            "growth": lambda: growth.rows(pairs, amounts.growth),
            "files": lambda: files.rows(pairs, amounts.proteins),
        }
    for kind in ("equal", "frames500", "frames300"):
        parts[kind] = lambda kind=kind: proteins(kind, device, pairs, rivals=False)  # type: ignore[misc]
    parts |= {
        "dna": lambda: dna(device, pairs),
        "profile": lambda: profiles(device),
        "proteome": lambda: proteins("proteome", device, pairs, rivals=True),
        "curve": lambda: curve(device, pairs),
    }
    if device.startswith("cuda"):
        parts["alibi"] = lambda: alibi.rows(device, CHOSEN["cuda"], pairs)
    return parts


LONG = ("frames500", "frames300", "proteome", "curve")
"""Parts that a sitting on a CPU leaves out unless they are asked for: together they take longer than all others."""


def peak(device: str) -> float:
    """The fastest matrix product of the number format that encoders use."""
    half = DTYPES["bf16" if device == "cpu" else "fp16"]
    return max(matrix_peak(half, device) for _ in range(3))


def main() -> None:
    """Run the parts that are asked for and not there yet; the matrix peak is measured around each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--pairs", type=int, default=5, help="repetitions of every contestant; five and more have verdicts"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="PART", help="startup, loading, windows, reads, files, proteome, ..."
    )
    parser.add_argument("--fresh", action="store_true", help="begin a new sitting, whatever is there")
    parser.add_argument("--quick", action="store_true", help="small amounts, to see that everything works")
    options = parser.parse_args()
    parts = suites(options.device, options.pairs, QUICK if options.quick else Amounts())
    wanted = options.only or [name for name in parts if options.device != "cpu" or name not in LONG]
    RESULTS.mkdir(exist_ok=True)
    name = options.device.partition(":")[0] + ("_quick" if options.quick else "")
    steady = math.inf if options.quick else STEADY
    sitting = Sitting(RESULTS / f"{name}.jsonl", options.device, options.fresh, steady, extend=bool(options.only))
    missing = [part for part in wanted if part not in sitting.parts]
    for part in set(options.only or []) - set(missing):
        print(f"{part}: is in this sitting already; --fresh begins a new one", flush=True)
    try:
        if missing:
            sitting.add_peak(peak(options.device))
        for part in missing:
            started = time.perf_counter()
            sitting.add(part, list(parts[part]()))
            sitting.add_peak(peak(options.device))
            print(f"{part}: {time.perf_counter() - started:.0f} s", flush=True)
    except UnsteadyError as error:
        sys.exit(str(error))
    if not options.only:
        sitting.finish()


if __name__ == "__main__":
    main()
