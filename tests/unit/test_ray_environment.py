"""What Ray inherits from this process, and what this process has afterwards; Ray itself is not needed."""

import os
import socket
from dataclasses import replace
from types import SimpleNamespace

import pytest

from virnucpro import Distribution
from virnucpro.errors import ConfigError, DeviceError, WorkerError
from virnucpro.runs.ray_executor import _connect, _room

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


def never(*_, **__):
    raise AssertionError("Ray is asked")


def test_a_gpu_that_is_not_visible_is_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    with pytest.raises(DeviceError, match="no device 'cuda:2': CUDA_VISIBLE_DEVICES is 4,5"):
        _connect(SimpleNamespace(init=never), Distribution(runner="ray", devices=("cuda:0", "cuda:2")))


def test_an_address_where_nobody_listens_is_told_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(WorkerError, match=f"no Ray cluster at {address}: .*refused; is it up"):
            _connect(SimpleNamespace(init=never), Distribution(runner="ray", ray_address=address))


def test_workers_that_never_fit_are_refused_where_the_cluster_cannot_grow():
    resources = {"CPU": 2.0}
    wanted = Distribution(runner="ray", workers=1, gpus_per_worker=1.0)
    with pytest.raises(ConfigError, match="no room for a worker of 1 CPUs and 1 GPUs: Ray has 2 CPUs and 0 GPUs"):
        _room(resources, wanted)
    assert _room(resources, replace(wanted, ray_address="auto")) == (1, 1.0)
    with pytest.raises(ConfigError, match="--workers if it grows"):
        _room(resources, replace(wanted, ray_address="auto", workers=None))
    assert _room(resources, Distribution(runner="ray")) == (2, 0.0)
