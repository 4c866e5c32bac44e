"""Where the time of both encoders goes, by torch's profiler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import profile
from benchmarks.gpu_report.scale import Scale
from benchmarks.workloads import write_sequences


def rows(scale: Scale) -> Iterator[dict[str, Any]]:
    """Operators by their share of the device's time, of a few batches."""
    for folder, kind, count in (
        (scale.esm2_folder, "mean350", scale.proteins // 8),
        (scale.dna_folder, "dna500", scale.fragments // 4),
    ):
        fasta = write_sequences(kind, max(count, 4), scale.folder)
        yield from profile.rows(folder, fasta, "fp16", scale.device, scale.max_tokens)
