"""What the report was made on; writes the models that the other sections need."""

from __future__ import annotations

import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from benchmarks.gpu_report.scale import Scale
from benchmarks.worker import matrix_peak
from benchmarks.workloads import write_dnabert_s, write_esm2, write_sequences
from virnucpro.models.placement import DTYPES, choose_placement

PACKAGES = ("torch", "triton", "transformers", "tokenizers", "safetensors", "numpy", "huggingface_hub")
QUERY = "name,driver_version,memory.total,clocks.sm,clocks.mem,clocks.max.sm,power.limit,persistence_mode"


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Describe hardware and versions, write models and sequences, measure products of matrices."""
    versions = {name: _version(name) for name in PACKAGES}
    hardware = choose_placement(scale.device, "fp32").describe()
    yield {"what": "hardware", "found": f"{hardware}; {platform.platform()}; {torch.get_num_threads()} threads"}
    yield {"what": "versions", "found": ", ".join(f"{name} {found}" for name, found in versions.items())}
    if shutil.which("nvidia-smi"):
        told = subprocess.run(
            ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv"],  # noqa: S607
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        yield {"what": "nvidia-smi, idle", "found": told.stdout.strip().replace("\n", "; ")}
    started = time.perf_counter()
    write_esm2(scale.esm2_folder, scale.esm2, scale.device)
    write_dnabert_s(scale.dna_folder, scale.dna, scale.device)
    write_sequences("mean350", scale.proteins, scale.folder)
    write_sequences("dna500", scale.fragments, scale.folder)
    yield {"what": "models and sequences", "found": f"written in {time.perf_counter() - started:.1f} s"}
    for name in ("fp32", "fp16", "bf16"):
        peak = matrix_peak(DTYPES[name], scale.device, scale.matrix)
        yield {"what": f"matrix product, {name}", "found": f"{peak / 1e12:.1f} TFLOP/s", "flops": peak}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
