"""Threads that compute alone, and leave the setting of the thread that started them as it was."""

import threading

import pytest
import torch

from virnucpro.models.threads import lone_threads


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
