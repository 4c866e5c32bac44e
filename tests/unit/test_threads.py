"""Threads that compute alone, and leave the setting of the thread that started them as it was."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from virnucpro import DeviceError
from virnucpro.models import threads as module
from virnucpro.models.threads import lone_threads, threads_of_torch

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


def number_in_a_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_pools_that_start_at_the_same_time_leave_every_number_as_it_was():
    usual, after = torch.get_num_threads(), []
    torch.set_num_threads(3)
    together = threading.Barrier(3)

    def start_pools():
        together.wait(PATIENCE_S)
        for _ in range(50):
            with lone_threads(2, "test") as pool:
                assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
        after.append(threads_of_torch())

    others = [threading.Thread(target=start_pools) for _ in range(3)]
    try:
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()
        assert after == [3] * 3
        assert torch.get_num_threads() == number_in_a_new_thread() == 3
    finally:
        torch.set_num_threads(usual)


def test_a_number_of_its_own_is_kept():
    """A thread that uses torch already keeps its number when another one chooses a number for new threads."""
    usual, found = torch.get_num_threads(), []
    ready, chosen = threading.Event(), threading.Event()

    def uses_torch_already():
        found.append(torch.get_num_threads())
        ready.set()
        chosen.wait(PATIENCE_S)
        with lone_threads(2, "test"):
            found.append(torch.get_num_threads())
        found.append(torch.get_num_threads())

    torch.set_num_threads(2)
    thread = threading.Thread(target=uses_torch_already)
    try:
        thread.start()
        ready.wait(PATIENCE_S)
        torch.set_num_threads(3)
        chosen.set()
        thread.join()
        assert found == [2, 2, 2]
        assert torch.get_num_threads() == number_in_a_new_thread() == 3
    finally:
        torch.set_num_threads(usual)


def test_a_first_use_of_torch_waits_until_the_number_is_the_usual_one(monkeypatch):
    usual, found, starting = torch.get_num_threads(), [], []
    torch.set_num_threads(3)
    set_number = torch.set_num_threads

    def set_and_start_another_thread(number):
        set_number(number)
        if number == 1 and not starting:
            starting.append(threading.Thread(target=lambda: found.append(threads_of_torch())))
            starting[0].start()
            starting[0].join(0.2)

    monkeypatch.setattr(torch, "set_num_threads", set_and_start_another_thread)
    try:
        with lone_threads(1, "test"):
            pass
        starting[0].join()
        assert found == [3]
    finally:
        set_number(usual)


class Barrier(threading.Barrier):
    """Gives up after a while; the thread that made it may be interrupted instead of waiting."""

    interrupted = False

    def wait(self, timeout=None):
        if self.interrupted and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return super().wait(timeout or PATIENCE_S)


def fails_the_third_time(submit, calls):
    def failing(*given):
        calls.append(given)
        if len(calls) == 3:
            raise RuntimeError("can't start new thread")
        return submit(*given)

    return failing


@pytest.mark.parametrize("error", [DeviceError, KeyboardInterrupt])
def test_none_waits_for_a_thread_that_never_comes(monkeypatch, caplog, error):
    usual, begun = torch.get_num_threads(), time.monotonic()
    monkeypatch.setattr(module, "Barrier", Barrier)
    monkeypatch.setattr(Barrier, "interrupted", error is KeyboardInterrupt)
    if error is DeviceError:
        monkeypatch.setattr(ThreadPoolExecutor, "submit", fails_the_third_time(ThreadPoolExecutor.submit, []))
    with pytest.raises(error), lone_threads(3, "deserted"):
        pytest.fail("the pool cannot be used")
    assert time.monotonic() - begun < PATIENCE_S / 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("deserted")]
    assert torch.get_num_threads() == usual
    assert not caplog.records
