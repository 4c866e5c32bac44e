"""Where parts are computed: one executor for each place."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from virnucpro.records import ModelIdentity
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.parts import PartStore
from virnucpro.runs.run import Advance, PartInput, Run

__all__ = ["Executor", "LocalExecutor", "Task", "open_executor"]


@dataclass(frozen=True, eq=False)
class Task:
    """A part to compute and save; without one, a moment to look at what is done."""

    run: Run
    given: PartInput | None
    models: Mapping[str, ModelIdentity]
    store: PartStore
    advance: Advance
    done: Callable[[], None]
    """For whoever gets the task back."""
    lost: Callable[[str], None]
    """For the executor, with the reason, before it gives back a task whose part it could not compute."""


class Executor(Protocol):
    """Computes and saves parts."""

    def completed(self, tasks: Iterator[Task]) -> Generator[Task, None, None]:
        """Take tasks as there is room for them, and give each back, in any order, once its part is saved or lost."""


def open_executor(how: Distribution) -> AbstractContextManager[Executor]:
    """Choose where parts are computed; nothing is started before the first task."""
    if how.runner == "ray":
        from virnucpro.runs.ray_executor import RayExecutor

        return RayExecutor(how)
    return nullcontext(LocalExecutor())


class LocalExecutor:
    """This process."""

    def completed(self, tasks: Iterator[Task]) -> Generator[Task, None, None]:
        """Compute and save one part after the other."""
        for task in tasks:
            if task.given is not None:
                task.store.save(task.given.part.number, task.run.job.compute(task.given, task.advance))
            yield task
