"""A Ray cluster of three nodes on this machine, over loopback: ``python -m pytest -m ray``."""

import os
import sys
import time

import pytest

from virnucpro import Distribution


def pytest_collection_modifyitems(items):
    for item in items:
        if "ray" in item.path.parts:
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.filterwarnings("ignore"))  # Ray's own


@pytest.fixture(scope="session")
def cluster():
    pytest.importorskip("ray", reason="needs Ray: pip install 'virnucpro[ray]'")
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_prestart_worker_first_driver": "0",  # processes that no test needs
        "RAY_agent_register_timeout_ms": "600000",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),  # workers take jobs of these tests
        "RAY_worker_niceness": "0",  # 15 is Ray's, which starves workers on a busy machine
    }
    from ray._private import services
    from ray.cluster_utils import Cluster

    real = services.get_node

    def patiently(*arguments):
        """On a busy machine a node needs longer than the 30 s that Ray waits."""
        deadline = time.monotonic() + 600
        while True:
            try:
                return real(*arguments)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    services.get_node = patiently
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    for _ in range(2):
        nodes.add_node(num_cpus=2)
    yield nodes
    services.get_node = real
    nodes.shutdown()


@pytest.fixture
def on_ray(cluster):
    """Make a `Distribution` on the cluster."""

    def distribution(workers=2, **more):
        more.setdefault("stale_after_s", 60)
        return Distribution(runner="ray", ray_address=cluster.address, workers=workers, **more)

    return distribution
