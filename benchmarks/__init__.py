"""Measurements that anyone can run: ``python -m benchmarks`` for all, ``python -m benchmarks.NAME`` for one thing."""
