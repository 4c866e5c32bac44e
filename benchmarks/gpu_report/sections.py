"""The sections of the report, in the order in which they run: the most wanted figures first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu_report import attention, checks, dna, machine, memory, operators, parity, proteins, reads
from benchmarks.gpu_report.scale import Scale


@dataclass(frozen=True)
class Section:
    """A part of the report that fails, or takes too long, by itself."""

    name: str
    title: str
    limit_s: int
    rows: Callable[[Scale], Iterator[dict[str, Any]]]


SECTIONS = (
    Section("machine", "Machine", 40, machine.rows),
    Section("doctor", "virnucpro doctor", 40, checks.doctor),
    Section("proteins", "650M shape: speed, and end to end", 90, proteins.rows),
    Section("dna", "DNABERT-S shape: speed", 60, dna.rows),
    Section("reads", "predict with mini: reads of 150 bp", 150, reads.rows),
    Section("tests", "Tests", 60, checks.tests),
    Section("parity", "Parity with float32", 60, parity.rows),
    Section("memory", "Memory that runs out", 40, memory.rows),
    Section("attention", "Attention of one layer", 40, attention.rows),
    Section("operators", "Where the time of the encoders goes", 40, operators.rows),
    Section("flex", "FlexAttention for DNABERT-S", 90, attention.flex_rows),
)
