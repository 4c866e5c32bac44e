"""Runs that need no model: lines in, capitals out; the job says which parts it has computed."""

import hashlib
from dataclasses import replace

import numpy as np

from virnucpro.errors import InputError
from virnucpro.records import Failure, FileIdentity, ModelIdentity, Record
from virnucpro.runs.parts import ComputedPart
from virnucpro.runs.plan import PartSize, Planner
from virnucpro.runs.run import Run


class Lines:
    """An input of one record a line."""

    def __init__(self, path):
        self.path, self.label, self.passes = path, str(path), 0

    def __iter__(self):
        self.passes += 1
        for number, line in enumerate(self.path.read_text().splitlines(), start=1):
            if line == "bad":
                raise InputError(f"{self.label}:{number}: bad line")
            yield Record(number, f"r{number}", line)

    @property
    def identity(self):
        content = self.path.read_bytes()
        return FileIdentity(self.label, len(content), hashlib.sha256(content).hexdigest())

    digest = identity.fget


class Upper:
    """Writes every record in capitals; `computed` counts the parts."""

    def __init__(self, units=2, result="out.txt"):
        self.units, self.result, self.computed, self.resolved = units, result, [], 0
        self.on_part = lambda number: None

    def check(self, label, sample):
        return [f"{label} begins with X"] if sample and sample[0].sequence.startswith("X") else []

    def planner(self):
        return Planner(lambda letters: 1, PartSize(self.units, 10**9))

    def content(self, record):
        return record.header.encode(), record.sequence.encode()

    def letters(self, record):
        return len(record.sequence)

    def id_of(self, record):
        return record.id

    def resolve(self):
        self.resolved += 1
        return {"model": ModelIdentity("m", "1", "f" * 64)}

    def compute(self, given, advance):
        self.on_part(given.part.number)
        self.computed.append(given.part.number)
        advance(given.part.letters)
        failed = [row for row, record in enumerate(given.records) if record.sequence.startswith("fail")]
        failures = tuple(Failure(row, given.records[row].id, "Refused", "begins with fail") for row in failed)
        lines = "".join(r.sequence.upper() + "\n" for row, r in enumerate(given.records) if row not in failed)
        text = np.frombuffer(lines.encode(), np.uint8)
        return ComputedPart({"text": text}, failures, {"lines": len(given.records)})

    def collect(self, parts, results):
        stream = results.open(self.result)
        for _, computed in parts:
            stream.write(computed.arrays["text"].tobytes())
        return {"counts": {"all": 1}, "device": "none"}


def small_run(folder):
    """Five lines, in three parts; the output folder is `o`."""
    path = folder / "in.txt"
    path.write_text("a\nb\nc\nd\ne\n")
    models = {"model": ModelIdentity("m", "1", "")}
    return Run("out", [Lines(path)], folder / "o", "run.json", ["out.txt"], models, {"k": 1}, Upper())


def again(run, **changes):
    """The same run as another process would make it."""
    changes.setdefault("job", Upper(run.job.units, run.job.result))
    return replace(run, inputs=[Lines(source.path) for source in run.inputs], **changes)


def out(run):
    return (run.outdir / "out.txt").read_text()


def interrupted_at(part):
    def stop(number):
        if number == part:
            raise KeyboardInterrupt

    return stop
