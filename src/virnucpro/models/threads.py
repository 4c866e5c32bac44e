"""Threads for work that is independent: each computes alone, because threads that share an operation wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier, BrokenBarrierError

import torch

__all__ = ["lone_threads"]


@contextmanager
def lone_threads(threads: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Start a pool of threads in which every operation of torch takes one thread."""
    ready, before = Barrier(threads + 1), torch.get_num_threads()
    with ThreadPoolExecutor(threads, name, _work_alone, (ready,)) as pool:
        try:
            for _ in range(threads):  # the pool starts a thread for each task that finds none idle
                pool.submit(int)
            ready.wait()
        except BaseException:  # a thread cannot start, or Ctrl-C: the others would wait for it forever
            ready.abort()
            pool.shutdown()
            raise
        finally:
            torch.set_num_threads(before)  # a new thread takes over the setting that was made last, in any thread
        yield pool


def _work_alone(ready: Barrier) -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # from here on, torch has a setting for this thread
    with suppress(BrokenBarrierError):
        ready.wait()
