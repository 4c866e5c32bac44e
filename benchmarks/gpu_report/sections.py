"""The sections of the report in their order: quick ones first, so that slow ones get the time that these leave."""

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
    Section("tests", "Tests", 120, checks.tests),
    Section("parity", "Parity with float32", 60, parity.rows),
    Section("reads", "predict with mini: reads of 150 bp", 600, reads.rows),
    Section("dna", "DNABERT-S shape: speed", 600, dna.rows),
    Section("memory", "Memory that runs out", 40, memory.rows),
    Section("attention", "Attention of one layer", 40, attention.rows),
    Section("operators", "Where the time of the encoders goes", 60, operators.rows),
    Section("proteins", "650M shape: speed, and end to end", 600, proteins.rows),
    Section("flex", "FlexAttention for DNABERT-S", 90, attention.flex_rows),
)


def time_limit_s(section: Section, left_s: float, sections_left: int) -> float:
    """An equal share of the seconds that are left, so that no section keeps a later one from starting.

    The machine's section may take all of them, because it writes the models that the others need.
    """
    return min(section.limit_s, left_s if section is SECTIONS[0] else left_s / sections_left)
