"""A job without a model for workers on other nodes: notes what it computes, and misbehaves as it is told."""

import os
import resource
import signal
import time
import uuid
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from small_runs import Lines, Upper, small_run
from virnucpro.records import ModelIdentity


@dataclass(frozen=True)
class Told:
    """What a job is to do."""

    notes: Path  # folder: a file for every part that was begun, and one for every process
    seconds: float = 0.0  # of every part
    slow_until: int = 0  # the first process waits until so many parts are begun
    full_disk: bool = False  # of the first process
    deadly: int = 0  # this part kills its process
    wrong: int = 0  # this part raises a bug
    digest: str = "f"  # of the weights


class Counted(Upper):
    def __init__(self, told):
        super().__init__(units=1)
        self.told = told
        self.is_first = None

    def resolve(self):
        return {"model": ModelIdentity("m", "1", self.told.digest * 64)}

    def compute(self, given, advance):
        told, number = self.told, given.part.number
        if self.is_first is None:
            self.is_first = _is_first(told.notes)
        (told.notes / f"pid_{os.getpid()}").touch()
        (told.notes / f"part_{number:04}_{os.getpid()}_{uuid.uuid4().hex}").touch()
        if number == told.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == told.wrong:
            raise ZeroDivisionError("a bug")
        time.sleep(told.seconds)
        while self.is_first and len(list(told.notes.glob("part_*"))) < told.slow_until:
            time.sleep(0.05)
        if told.full_disk and self.is_first:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        return super().compute(given, advance)


def _is_first(notes):
    try:
        os.close(os.open(notes / "first", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def rebuilt(told, device):
    return Counted(told), {"k": 1}


def counted_run(folder, lines=20, worker=None, **told):
    """A run of as many parts as lines; `worker` is what workers are told otherwise."""
    notes = folder / "notes"
    notes.mkdir(exist_ok=True)
    run = small_run(folder)
    content = "".join(f"fail {n}\n" if n % 7 == 3 else f"line {n}\n" for n in range(lines))
    path = folder / "lines.txt"
    if not path.exists() or path.read_text() != content:  # other processes may be reading it
        path.write_text(content)
    orders = Told(notes, **told)
    return replace(
        run,
        inputs=[Lines(path)],
        job=Counted(orders),
        rebuild=partial(rebuilt, replace(orders, **(worker or {}))),
    )


def begun(run):
    """How often each part was begun."""
    names = sorted(path.name.split("_")[1] for path in run.job.told.notes.glob("part_*"))
    return {int(name): names.count(name) for name in names}


def whole(lines=20):
    return "".join(f"LINE {n}\n" for n in range(lines) if n % 7 != 3)
