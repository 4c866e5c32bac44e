"""What Ray inherits from this process, and what this process has afterwards; Ray itself is not needed."""

import os
from types import SimpleNamespace

import pytest

from virnucpro import Distribution
from virnucpro.errors import WorkerError
from virnucpro.runs.ray_executor import _connect

NAMES = ("CUDA_VISIBLE_DEVICES", "RAY_USAGE_STATS_ENABLED")


def variables():
    return {name: os.environ.get(name) for name in NAMES}


@pytest.mark.parametrize(
    ("visible", "devices", "inherited"),
    [
        (None, ("cuda:0", "cuda:2"), "0,2"),
        ("4,5,6", ("cuda:0", "cuda:2"), "4,6"),
        ("4,5", ("cpu",), "4,5"),
        (None, (), None),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_the_environment_is_as_it_was(monkeypatch, visible, devices, inherited, fails):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    before, seen = variables(), []

    def init(**_):
        seen.append(variables())
        if fails:
            raise RuntimeError("no room")

    how = Distribution(runner="ray", devices=devices)
    if fails:
        with pytest.raises(WorkerError, match="no room"):
            _connect(SimpleNamespace(init=init), how)
    else:
        _connect(SimpleNamespace(init=init), how)
    assert seen == [{"CUDA_VISIBLE_DEVICES": inherited, "RAY_USAGE_STATS_ENABLED": "0"}]
    assert variables() == before
