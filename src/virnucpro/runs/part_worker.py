"""What a worker on another device or machine does with a part; it is refused where it would give other numbers."""

from __future__ import annotations

import logging
import os
import platform
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from virnucpro import __version__
from virnucpro.errors import WorkerError
from virnucpro.records import ModelIdentity
from virnucpro.runs.parts import ComputedPart, PartStore
from virnucpro.runs.run import Job, PartInput

__all__ = ["PartWorker", "Reply", "WorkOrder", "versions"]


def versions() -> dict[str, str]:
    """What decides the numbers besides models and settings."""
    return {
        "virnucpro": f"{__version__} ({_sources_sha256()[:12]})",  # two checkouts may have one version
        **{name: version(name).partition("+")[0] for name in ("torch", "numpy")},  # without cpu, cu130, ...
        "python": platform.python_version().rpartition(".")[0],
    }


def _sources_sha256() -> str:
    """Digest of this package's code."""
    digest, package = sha256(), Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class WorkOrder:
    """What a worker is to compute, and what it must have for that."""

    rebuild: Callable[[str], tuple[Job, Mapping[str, Any]]]
    device: str
    models: Mapping[str, ModelIdentity]
    settings: Mapping[str, Any]
    scratch: Path | None  # a folder that the worker must see; None where parts are sent back
    cwd: str  # where relative paths begin
    versions: Mapping[str, str] = field(default_factory=versions)


@dataclass(frozen=True, eq=False)
class Reply:
    """What became of a part on a worker."""

    computed: ComputedPart | None  # None where the worker has saved it
    failures: int
    messages: tuple[tuple[int, str], ...]  # level and text


class PartWorker:
    """Holds a job with its encoders."""

    def __init__(self) -> None:
        self._job: Job | None = None

    def name(self) -> str:
        """Say where it is."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def prepare(self, order: WorkOrder) -> None:
        """Build the job; WorkerError where it is not the driver's."""
        problems = [
            f"{part} {ours.get(part)} instead of {wanted}"
            for ours in [versions()]
            for part, wanted in order.versions.items()
            if ours.get(part) != wanted
        ]
        if problems:
            raise WorkerError(f"has {', '.join(problems)}; install the same versions everywhere")
        if os.path.isdir(order.cwd):
            os.chdir(order.cwd)
        if order.scratch is not None and not order.scratch.is_dir():
            raise WorkerError(
                f"does not see {order.scratch.parents[1]}; use a folder that all machines share, or add "
                "--no-shared-folder"
            )
        job, settings = order.rebuild(order.device)
        differing = [
            f"{key} {settings.get(key)} instead of {wanted}"
            for key, wanted in order.settings.items()
            if settings.get(key) != wanted
        ]
        if differing:
            raise WorkerError(f"would compute with {', '.join(differing)}; set it, such as --dtype fp16")
        for role, model in job.resolve().items():
            wanted = order.models[role]
            if (model.weights_sha256, model.architecture) != (wanted.weights_sha256, wanted.architecture):
                raise WorkerError(
                    f"has other weights of the {role} model {wanted.name}: {model.weights_sha256[:12]} "
                    f"instead of {wanted.weights_sha256[:12]}; copy the same weights to every machine"
                )
        self._job = job

    def compute(self, given: PartInput, store: PartStore | None) -> Reply:
        """Compute a part, and save it where there is a store."""
        assert self._job is not None
        with _messages() as messages:
            computed = self._job.compute(given, lambda _: None)
            if store is not None:
                store.save(given.part.number, computed)
        return Reply(computed if store is None else None, len(computed.failures), tuple(messages))


@contextmanager
def _messages() -> Iterator[list[tuple[int, str]]]:
    """Collect what is logged meanwhile, for the log of the driver."""
    found: list[tuple[int, str]] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append((record.levelno, record.getMessage()))

    logger, handler = logging.getLogger("virnucpro"), _Collector(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
