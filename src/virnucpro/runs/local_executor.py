"""Parts are computed in this process, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from virnucpro.runs.executor import Task

__all__ = ["LocalExecutor"]


class LocalExecutor:
    """This process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def completed(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """Compute and save one part after the other."""
        for task in tasks:
            if task.given is not None:
                task.store.save(task.given.part.number, task.run.job.compute(task.given, task.advance))
            yield task
