"""What sharing a run out costs: ``python -m benchmarks.devices [reading] [local] [ray] [ray-data] [overhead]``.

- reading: reads per second of a pass that plans, and of one that hands out the parts of a shard
- local, ray: seconds, calls of the file system and memory of the driver, for many tiny parts
- ray-data: the same parts through Ray Data, without saving
- overhead: `virnucpro predict` with one Ray worker and in one process, in alternation; of ten reads, for the start-up

Every measurement is printed as a line of JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.growth import write
from benchmarks.workloads import BASES
from virnucpro import Distribution
from virnucpro.records import FileIdentity, ModelIdentity, Record
from virnucpro.runs.engine import execute
from virnucpro.runs.parts import ComputedPart
from virnucpro.runs.plan import PartSize, Planner
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, PartInput, Run

TINY_PARTS = (1000, 3000, 10_000)
READS = 200_000
OVERHEAD_READS = 60_000
PAIRS = 3
RUNNERS = ("local", "ray")
FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir", "os.utime")


class Numbers:
    """An input of numbered records, without a file."""

    def __init__(self, count: int) -> None:
        self.label, self.path, self.count = f"{count} records", Path("numbers"), count

    def __iter__(self) -> Iterator[Record]:
        return (Record(number, f"r{number}", "ACGT") for number in range(1, self.count + 1))

    @property
    def identity(self) -> FileIdentity:
        return FileIdentity("numbers", self.count, str(self.count))

    def digest(self) -> FileIdentity:
        return self.identity


class Tiny:
    """A part for every record, with nothing to compute."""

    def check(self, label: str, sample: Sequence[Record]) -> list[str]:  # noqa: ARG002
        return []

    def planner(self) -> Planner:
        return Planner(lambda _: 1, PartSize(1, 10**9))

    def content(self, record: Record) -> tuple[bytes, bytes]:
        return record.header.encode(), record.sequence.encode()

    def letters(self, record: Record) -> int:
        return len(record.sequence)

    def id_of(self, record: Record) -> str:
        return record.id

    def resolve(self) -> Mapping[str, ModelIdentity]:
        return {}

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        advance(given.part.letters)
        return ComputedPart({"numbers": np.array([record.number for record in given.records])})

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> Mapping[str, Any]:
        stream = results.open("out.txt")
        for _, computed in parts:
            stream.write(computed.arrays["numbers"].tobytes())
        return {}


def rebuilt(_device: str) -> tuple[Tiny, Mapping[str, Any]]:
    """Make the job of a worker."""
    return Tiny(), {}


def tiny(parts: int, how: Distribution, name: str) -> dict[str, Any]:
    """Time a run of tiny parts, from the first that is begun; count what it asks of the file system."""
    calls: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in FILE_EVENTS and arguments and str(arguments[0]).startswith(folder):
                calls[event] += 1

        sys.addaudithook(hook)
        times: list[float] = []
        run = Run(
            "tiny", [Numbers(parts)], Path(folder) / "out", "run.json", ["out.txt"], {}, {}, Tiny(),
            rebuild=partial(rebuilt),
        )  # fmt: skip
        started = time.monotonic()
        execute([run], distribution=how, progress=lambda _: times.append(time.monotonic()))
        ended = time.monotonic()
    return {
        "runner": name, "parts": parts, "start_up_s": times[0] - started,
        "ms_per_part": 1000 * (times[-1] - times[0]) / parts,
        "collect_s": ended - times[-1], "calls_per_part": {event: round(n / parts, 2) for event, n in calls.items()},
        "driver_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def through_ray_data(parts: int) -> dict[str, Any]:
    """The same parts as rows of a dataset, given to one actor one by one."""
    import ray.data

    import ray

    class Computing:
        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            return {"numbers": batch["item"]}

    ray.data.DataContext.get_current().enable_progress_bars = False
    dataset = ray.data.from_items(list(range(parts)), override_num_blocks=min(parts, 1000))
    started = time.monotonic()
    mapped = dataset.map_batches(Computing, batch_size=1, concurrency=1)
    first = 0.0
    for number, _ in enumerate(mapped.iter_batches(batch_size=1)):
        first = first or time.monotonic()
        assert number < parts
    return {
        "runner": "ray-data", "parts": parts, "start_up_s": first - started,
        "ms_per_part": 1000 * (time.monotonic() - first) / parts,
        "driver_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def reading() -> Iterator[dict[str, Any]]:
    """Reads per second of the passes over the inputs; processor time, which other work hardly changes."""
    from virnucpro.runs.examine import Planned, examine
    from virnucpro.runs.execution import Execution
    from virnucpro.runs.progress import Progress
    from virnucpro.sequences.reading import SequenceFile
    from virnucpro.verbs.calling import Calling
    from virnucpro.verbs.predict_settings import PredictSettings

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reads.fa"
        write(path, BASES, 150, READS)
        job = Calling.of(PredictSettings())
        source = SequenceFile(path, str(path))
        run = Run(
            "calls", [source], Path(folder) / "out", "run.json", ["calls.tsv"], job.models(job.chosen.identities),
            job.described(), job,
        )  # fmt: skip
        started = time.process_time()
        planned = examine(run, overwrite=False)
        assert isinstance(planned, Planned)
        yield {"pass": "plan", "reads_per_s": READS / (time.process_time() - started)}
        started = time.process_time()
        source.digest()
        yield {"pass": "digest", "reads_per_s": READS / (time.process_time() - started)}
        for shards in (1, 64):
            how = Distribution(shard=(1, shards))
            run.outdir.mkdir(exist_ok=True)
            with Execution(planned, 0, how, False, Progress(), lambda _: None) as execution:
                started = time.process_time()
                for task in execution.tasks(patient=False):
                    if task.given is None:
                        break
                yield {"pass": f"parts of shard 1/{shards}", "reads_per_s": READS / (time.process_time() - started)}


def overhead() -> Iterator[dict[str, Any]]:
    """`predict` with one worker over `predict` in one process: wall time of both in alternation, and of ten reads."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few.fa", Path(folder) / "many.fa"
        write(few, BASES, 150, 10)
        write(many, BASES, 150, OVERHEAD_READS)
        for pair in range(PAIRS):
            start = {runner: _predicted(few, Path(folder) / f"few_{runner}{pair}", runner) for runner in RUNNERS}
            whole = {runner: _predicted(many, Path(folder) / f"many_{runner}{pair}", runner) for runner in RUNNERS}
            after = {runner: whole[runner] - start[runner] for runner in RUNNERS}
            yield {
                "reads": OVERHEAD_READS, "start_up_s": start, "whole_s": whole,
                "ratio": whole["ray"] / whole["local"], "ratio_after_start_up": after["ray"] / after["local"],
            }  # fmt: skip


def _predicted(path: Path, out: Path, runner: str) -> float:
    """Seconds of `predict` on one thread."""
    command = [sys.executable, "-m", "virnucpro", "predict", str(path), "-o", str(out), "-q", "--only", "calls"]
    workers = ["--workers", "1"] if runner == "ray" else []
    started = time.monotonic()
    subprocess.run([*command, "-t", "1", "--runner", runner, *workers], check=True)
    return time.monotonic() - started


def main(wanted: Sequence[str]) -> None:
    """Print the measurements that are asked for; each in a process of its own."""
    if len(wanted) > 1:
        for one in wanted:
            subprocess.run([sys.executable, "-m", "benchmarks.devices", one], check=True)
        return
    one = wanted[0] if wanted else "reading"
    rows: Iterable[dict[str, Any]] = {
        "reading": reading,
        "local": lambda: (tiny(parts, Distribution(), "local") for parts in TINY_PARTS),
        "ray": lambda: (tiny(parts, Distribution(runner="ray", workers=1), "ray") for parts in TINY_PARTS),
        "ray-data": lambda: (through_ray_data(parts) for parts in TINY_PARTS),
        "overhead": overhead,
    }[one]()
    for row in rows:
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
