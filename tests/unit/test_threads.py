"""Threads that compute alone, and leave the setting of the thread that started them as it was."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from virnucpro.models import threads as module
from virnucpro.models.threads import lone_threads

PATIENCE_S = 60
"""Threads that wait for each other in vain give up after it, so that a failing test ends."""


@pytest.mark.parametrize("before", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_each_computes_with_one_thread(before, threads):
    usual = torch.get_num_threads()
    torch.set_num_threads(before)
    together = threading.Barrier(threads)  # a task for each thread at the same time
    try:
        with lone_threads(threads, "test") as pool:
            assert torch.get_num_threads() == before
            tasks = [pool.submit(lambda: [together.wait(60), torch.get_num_threads()][1]) for _ in range(threads)]
            assert [task.result() for task in tasks] == [1] * threads
        assert torch.get_num_threads() == before
        found = []
        later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert found == [before]
    finally:
        torch.set_num_threads(usual)


class Barrier(threading.Barrier):
    """Gives up after a while; the thread that made it may be interrupted instead of waiting."""

    interrupted = False

    def wait(self, timeout=None):
        if self.interrupted and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return super().wait(timeout or PATIENCE_S)


def fails_the_second_time(submit, calls):
    def failing(*given):
        calls.append(given)
        if len(calls) == 2:
            raise RuntimeError("can't start new thread")
        return submit(*given)

    return failing


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_none_waits_for_a_thread_that_never_comes(monkeypatch, caplog, error):
    usual, begun = torch.get_num_threads(), time.monotonic()
    monkeypatch.setattr(module, "Barrier", Barrier)
    monkeypatch.setattr(Barrier, "interrupted", error is KeyboardInterrupt)
    if error is RuntimeError:
        monkeypatch.setattr(ThreadPoolExecutor, "submit", fails_the_second_time(ThreadPoolExecutor.submit, []))
    with pytest.raises(error), lone_threads(3, "deserted"):
        pytest.fail("the pool cannot be used")
    assert time.monotonic() - begun < PATIENCE_S / 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("deserted")]
    assert torch.get_num_threads() == usual
    assert not caplog.records
