"""Threads for work that is independent: each computes alone, because threads that share an operation wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier, BrokenBarrierError, Lock

import torch

from virnucpro.errors import starting_threads

__all__ = ["lone_threads", "threads_of_torch"]

_changing = Lock()
"""Held while torch's number is set to one, for a thread keeps the number that was set last when it first uses torch."""


def threads_of_torch() -> int:
    """Threads of an operation in this thread; torch's own function may see what a pool that starts has set."""
    with _changing:
        return torch.get_num_threads()


@contextmanager
def lone_threads(threads: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Start a pool of threads in which every operation of torch takes one thread; other threads keep their numbers."""
    with ThreadPoolExecutor(threads, name) as pool:
        with starting_threads(), _changing, ThreadPoolExecutor(1, name) as keeper:
            torch.get_num_threads()  # from here on, torch has a setting for this thread
            usual = keeper.submit(torch.get_num_threads).result()
            try:
                _set_alone(pool, threads)
            finally:  # in a thread that ends, because this one's number may be another
                keeper.submit(torch.set_num_threads, usual).result()
        yield pool


def _set_alone(pool: ThreadPoolExecutor, threads: int) -> None:
    """Start all threads of a pool; each sets its own number, which new threads take over until it is set back."""
    ready = Barrier(threads + 1)
    try:
        for _ in range(threads):  # the pool starts a thread for each task that finds none idle
            pool.submit(_work_alone, ready)
        ready.wait()
    except BaseException:  # a thread cannot start, or Ctrl-C: the others would wait for it forever
        ready.abort()
        pool.shutdown()
        raise


def _work_alone(ready: Barrier) -> None:
    torch.get_num_threads()  # first, because the first use of torch in a thread overwrites what was set there
    torch.set_num_threads(1)
    with suppress(BrokenBarrierError):
        ready.wait()
