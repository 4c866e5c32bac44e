"""Parts are computed by Ray actors, one for each device or share of one.

Ray places the actors, restarts those that die, and moves parts and results. An actor has one part at a time; as many
parts again wait in the object store, so that no actor waits for the reader and memory does not grow with the input.
A part whose actor dies goes to the next one that is free, not back to that actor: its machine may be gone for good.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from virnucpro.errors import ConfigError, DeviceError, StoreError, VirNucProError, WeightsError, WorkerError, shown
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.executor import Task
from virnucpro.runs.part_worker import PartWorker, Reply, WorkOrder
from virnucpro.runs.parts import PartStore
from virnucpro.runs.run import PartInput

__all__ = ["RayExecutor"]

SECONDS_BETWEEN_WARNINGS: Final = 60
SECONDS_TO_CONNECT: Final = 20

logger = logging.getLogger("virnucpro.runs")


@dataclass(eq=False)
class _Worker:
    """An actor as the driver sees it."""

    actor: Any
    name: str = "a worker"
    state: Literal["starting", "loading", "ready"] = "starting"
    failed_starts: int = 0


@dataclass(eq=False)
class _Waiting:
    """A task that a worker will take next."""

    task: Task
    given: PartInput
    store: PartStore | None  # of the worker; None where it sends its part back
    attempts: int = 0

    @property
    def number(self) -> int:
        return self.given.part.number


class RayExecutor:
    """Actors of a Ray cluster, or of one that is started on this machine."""

    def __init__(self, how: Distribution) -> None:
        self._how = how
        self._workers: list[_Worker] = []
        self._idle: deque[_Worker] = deque()
        self._busy: dict[Any, tuple[_Worker, _Waiting | None]] = {}  # by the reference that is waited for
        self._waiting: deque[_Waiting] = deque()
        self._refused: list[VirNucProError] = []
        self._order: Any = None
        self._gpus = 0.0  # of a worker
        self._is_ours = False

    def __enter__(self) -> Self:
        import ray

        self._ray = ray
        return self

    def __exit__(self, *_: object) -> None:
        self._release()
        if self._is_ours:
            self._ray.shutdown()

    def completed(self, tasks: Iterator[Task]) -> Generator[Task, None, None]:
        """Keep all workers busy; give tasks back in the order in which they end."""
        for task in tasks:
            if task.given is None:
                yield from self._ended(wait=False)
                yield task
                continue
            if not self._workers:
                self._start(task)
            self._waiting.append(_Waiting(task, task.given, self._store_of(task)))
            self._hand_out()
            while len(self._waiting) > len(self._workers):
                yield from self._ended()
            yield from self._ended(wait=False)
        while self._has_parts():
            yield from self._ended(is_end=True)

    def _start(self, task: Task) -> None:
        """Connect, and create the actors."""
        if not self._ray.is_initialized():
            _connect(self._ray, self._how)
            self._is_ours = True
        count, self._gpus = _room(self._ray.cluster_resources(), self._how)
        assert task.run.rebuild is not None
        scratch = task.run.scratch.absolute() if self._how.shared_folder else None
        device = "cuda" if self._gpus else "cpu"
        self._order = self._ray.put(
            WorkOrder(task.run.rebuild, device, task.models, task.run.settings, scratch, os.getcwd())
        )
        actor = self._ray.remote(PartWorker).options(
            num_cpus=self._how.cpus_per_worker, num_gpus=self._gpus, max_restarts=-1, scheduling_strategy="SPREAD"
        )
        self._workers = [_Worker(actor.remote()) for _ in range(count)]
        for worker in self._workers:
            self._begin(worker)
        logger.info("%d workers, each with %d CPUs and %g GPUs", count, self._how.cpus_per_worker, self._gpus)

    def _begin(self, worker: _Worker) -> None:
        """Wait until Ray has placed a worker, or restarted it, wherever there is room."""
        worker.state = "starting"
        self._busy[worker.actor.name.options(max_task_retries=-1).remote()] = worker, None

    def _store_of(self, task: Task) -> PartStore | None:
        if not self._how.shared_folder:
            return None
        return PartStore(task.store.folder.absolute(), task.store.key, task.store.scratch.absolute())

    def _hand_out(self) -> None:
        """Give waiting parts to idle workers."""
        while self._waiting and self._idle:
            free, next_one = self._idle.popleft(), self._waiting.popleft()
            self._busy[free.actor.compute.remote(next_one.given, next_one.store)] = free, next_one

    def _has_parts(self) -> bool:
        return bool(self._waiting) or any(waiting for _, waiting in self._busy.values())

    def _release(self) -> None:
        """Let all workers go."""
        for worker in self._workers:
            with contextlib.suppress(Exception):  # it may be gone
                self._ray.kill(worker.actor)
        for held in (self._workers, self._idle, self._busy):
            held.clear()

    def _ended(self, wait: bool = True, is_end: bool = False) -> Iterator[Task]:
        """Give the tasks that have ended, after the first of them if `wait`; their workers already have new ones."""
        if not self._busy:
            return
        ready, _ = self._ray.wait(list(self._busy), timeout=SECONDS_BETWEEN_WARNINGS if wait else 0)
        if wait and not ready and all(worker.state == "starting" for worker in self._workers):
            free = self._ray.available_resources()
            logger.warning(
                "no worker is ready yet; each needs %d CPUs and %g GPUs, and the cluster has %g and %g free",
                self._how.cpus_per_worker, self._gpus, free.get("CPU", 0), free.get("GPU", 0),
            )  # fmt: skip
        for reference in ready:
            worker, waiting = self._busy.pop(reference)
            has_ended = self._has_ended(reference, worker, waiting)
            self._hand_out()
            if is_end and not self._has_parts():
                self._release()  # before the results are collected, which needs no GPUs
            if has_ended and waiting is not None:
                yield waiting.task

    def _has_ended(self, reference: Any, worker: _Worker, waiting: _Waiting | None) -> bool:  # noqa: ANN401
        """Take what a worker gives back; False where its part must be computed again."""
        errors = self._ray.exceptions
        try:
            reply = self._ray.get(reference)
        except errors.RayTaskError as error:
            self._failed(error, worker, waiting)
            return False
        except errors.RayError as error:
            return self._died(error, worker, waiting)
        if worker.state == "starting":
            worker.name, worker.state = reply, "loading"
            self._busy[worker.actor.prepare.remote(self._order)] = worker, None
            return False
        worker.state = "ready"
        if waiting is not None:
            self._take(reply, worker, waiting)
        self._idle.append(worker)
        return True

    def _take(self, reply: Reply, worker: _Worker, waiting: _Waiting) -> None:
        """Save a part that was sent back; log what its worker has said."""
        for level, message in reply.messages:
            logger.log(level, "%s: %s", worker.name, message)
        if reply.failures:
            logger.info("%s: %d sequences of part %d failed", worker.name, reply.failures, waiting.number)
        if reply.computed is not None:
            waiting.task.store.save(waiting.number, reply.computed)
        waiting.task.advance(waiting.given.part.letters)

    def _failed(self, error: Any, worker: _Worker, waiting: _Waiting | None) -> None:  # noqa: ANN401
        """A worker with trouble of its own, such as a full disk, goes, and others go on; any other error is raised."""
        cause = error.cause
        if not isinstance(cause, (DeviceError, StoreError, WeightsError, WorkerError)):
            where = f"on {worker.name}" + (f", part {waiting.number}" if waiting else "")
            raised = cause if isinstance(cause, VirNucProError) else error
            raised.add_note(where)
            raise raised
        self._retire(worker, type(cause)(f"{worker.name}: {cause}"))
        if waiting is not None:
            self._waiting.appendleft(waiting)

    def _retire(self, worker: _Worker, reason: VirNucProError) -> None:
        """Do without a worker; raises the reason when it was the last one."""
        self._refused.append(reason)
        self._workers.remove(worker)
        with contextlib.suppress(Exception):  # it may be gone
            self._ray.kill(worker.actor)
        if not self._workers:
            raise reason if len(self._refused) == 1 else WorkerError("\n".join(map(str, self._refused)))
        logger.warning("%s; %d workers are left", reason, len(self._workers))

    def _died(self, error: Exception, worker: _Worker, waiting: _Waiting | None) -> bool:
        """Ray restarts the worker; its part goes to the next that is free, or is lost if it has cost too many."""
        is_lost = False
        reason = str(error).strip().splitlines()[0]
        if waiting is None:
            worker.failed_starts += worker.state == "loading"
            if worker.state == "starting" or worker.failed_starts >= self._how.attempts:
                self._retire(worker, WorkerError(f"{worker.name} does not start: {shown(str(error), 2000)}"))
                return False
            logger.warning("%s died while it loaded: %s", worker.name, reason)
        else:
            waiting.attempts += 1
            label = waiting.task.run.label
            logger.warning("%s died over part %d of %s: %s", worker.name, waiting.number, label, reason)
            is_lost = waiting.attempts >= self._how.attempts
            if is_lost:
                waiting.task.lost(f"{waiting.attempts} workers died over it; the last one, {worker.name}: {reason}")
            else:
                self._waiting.appendleft(waiting)
        self._begin(worker)
        return is_lost


def _connect(ray: Any, how: Distribution) -> None:  # noqa: ANN401
    """Join a cluster, or start one on this machine; nothing is reported to anybody."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    kept = signal.getsignal(signal.SIGTERM)
    try:
        cuda = [int(name.partition(":")[2] or 0) for name in how.devices if name.startswith("cuda")]
        with _environment(_for_ray([] if how.ray_address else cuda)):
            if how.ray_address:
                _require_answer(os.environ.get("RAY_ADDRESS", "") if how.ray_address == "auto" else how.ray_address)
                ray.init(how.ray_address, **quiet)
                return
            cpus = max(os.cpu_count() or 1, how.cpus_per_worker * (how.workers or len(cuda) or 1))
            gpus = {"num_gpus": len(cuda)} if how.devices else {}
            ray.init(num_cpus=cpus, include_dashboard=False, **gpus, **quiet)
    except DeviceError:
        raise
    except Exception as error:  # Ray raises plain ones
        if not how.ray_address:
            raise WorkerError(f"Ray does not start on this machine: {error}") from error
        raise WorkerError(
            f"no Ray cluster at {how.ray_address}: {shown(str(error), 2000)}; is it up ('ray status' on its head), and "
            "is this machine one of it? Without --ray-address, Ray starts on this machine"
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, kept)  # Ray's would end the process with another code


def _require_answer(address: str) -> None:
    """Look whether anybody listens at HOST:PORT; Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), SECONDS_TO_CONNECT).close()


def _for_ray(cuda: list[int]) -> dict[str, str]:
    """Variables that processes of Ray inherit: no usage statistics, and these GPUs of those that are visible."""
    variables = {"RAY_USAGE_STATS_ENABLED": os.environ.get("RAY_USAGE_STATS_ENABLED", "0")}
    if cuda:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if visible != [""] and max(cuda) >= len(visible):
            raise DeviceError(f"no device 'cuda:{max(cuda)}': CUDA_VISIBLE_DEVICES is {','.join(visible)}")
        chosen = [visible[number] if visible != [""] else str(number) for number in cuda]
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)
    return variables


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables of this process for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _room(resources: dict[str, float], how: Distribution) -> tuple[int, float]:
    """How many workers there are, and how many GPUs each has."""
    gpus = how.gpus_per_worker
    if gpus is None:
        gpus = 0.0 if how.devices == ("cpu",) or not resources.get("GPU") else 1.0
    by_cpus = resources.get("CPU", 0) // how.cpus_per_worker
    room = int(min(by_cpus, resources.get("GPU", 0) // gpus) if gpus else by_cpus)
    if not room and not (how.workers and how.ray_address):
        advice = "ask for less, or say how many with --workers if it grows" if how.ray_address else "ask for less"
        raise ConfigError(
            f"there is no room for a worker of {how.cpus_per_worker} CPUs and {gpus:g} GPUs: Ray has "
            f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs; {advice}"
        )
    return how.workers or room, gpus
