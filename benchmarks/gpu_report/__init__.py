"""Everything that a GPU must show, on one page: ``python -m benchmarks.gpu_report``."""
