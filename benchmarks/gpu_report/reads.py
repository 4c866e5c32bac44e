"""`virnucpro predict` with mini on reads of 150 bp, and where its time goes."""

from __future__ import annotations

import cProfile
import json
import pstats
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu_report.scale import Scale
from benchmarks.growth import write
from benchmarks.workloads import BASES
from virnucpro.cli.main import run

READ_BP = 150
MOST = 16


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Time the command on a few reads, then on all, again and again; profile it on a part of them."""
    few = max(scale.reads // 20, 100)
    measured = [("first use of the device", few), ("a few reads", few)]
    for name, count in measured + [("all reads", scale.reads)] * scale.read_repetitions:
        seconds, stages = predicted(scale, count)
        yield {"what": name, "reads": count, "seconds": seconds, "reads_per_minute": 60 * count / seconds} | {
            "stages": stages
        }
    profiler = cProfile.Profile()
    count = max(scale.reads // 10, 100)
    profiler.runcall(predicted, scale, count)
    yield from spent(profiler, count)


def predicted(scale: Scale, count: int) -> tuple[float, dict[str, float]]:
    """Seconds of one command, all in all and by stage."""
    fasta, outdir = scale.folder / f"reads_{count}.fa", scale.folder / f"calls_{time.monotonic_ns()}"
    if not fasta.exists():
        write(fasta, BASES, READ_BP, count)
    started = time.perf_counter()
    code = run(["predict", str(fasta), "-o", str(outdir), "--device", scale.device, "-q"])
    seconds = time.perf_counter() - started
    if code:
        raise RuntimeError(f"virnucpro predict ended with {code}")
    stages: dict[str, float] = json.loads((outdir / "run.json").read_text())["execution"]["seconds"]
    return seconds, stages


def spent(profiler: cProfile.Profile, count: int) -> Iterator[dict[str, Any]]:
    """Functions of this package and of its libraries by the time that they and their callees take."""
    stats: Any = pstats.Stats(profiler)
    total = stats.total_tt
    own = [
        (cumulative, spent, f"{Path(file).parent.name}/{Path(file).name}:{function}")
        for (file, _, function), (_, _, spent, cumulative, _) in stats.stats.items()
        if "virnucpro" in file and "cli" not in file
    ]
    for cumulative, spent, name in sorted(own, reverse=True)[:MOST]:
        yield {
            "function": name,
            "with_callees": cumulative / total,
            "own": spent / total,
            "us_per_read": 1e6 * cumulative / count,
        }
    alone = [(spent, f"{Path(file).name}:{name}") for (file, _, name), (_, _, spent, _, _) in stats.stats.items()]
    for spent, name in sorted(alone, reverse=True)[:MOST]:
        yield {"function": name, "own": spent / total, "us_per_read": 1e6 * spent / count}
