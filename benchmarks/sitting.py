"""One sitting: all rows of a table come from one run on one machine, whose speed did not change meanwhile.

A sitting that was interrupted continues with its next part. It is thrown away when the fastest matrix product, measured
before and after every part, moved by more than a fifth: its rows could not be compared with each other.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from virnucpro import __version__
from virnucpro.models.placement import choose_placement

STEADY = 1.2
"""Largest ratio between two matrix peaks of one sitting."""

LONGEST_HOURS = 3
"""Longer ago, the machine may have become another one."""

Row = dict[str, Any]


class UnsteadyError(RuntimeError):
    """The machine changed its speed."""


class Sitting:
    """The rows of a sitting, in a file of JSON lines."""

    def __init__(self, log: Path, device: str, fresh: bool, steady: float = STEADY) -> None:
        self._log, self._facts, self._steady = log, facts(device), steady
        self.rows = [] if fresh else self._unfinished()
        self._begun = self.rows[0]["sitting"] if self.rows else _now()

    def _unfinished(self) -> list[Row]:
        rows = read_rows(self._log)
        same = rows and {key: rows[0].get(key) for key in self._facts} == self._facts
        if not same or any(row["part"] == "end" for row in rows):
            return []
        begun = datetime.fromisoformat(rows[0]["sitting"])
        return rows if (datetime.now(UTC) - begun).total_seconds() < 3600 * LONGEST_HOURS else []

    @property
    def parts(self) -> set[str]:
        """The parts that are finished."""
        return {row["part"] for row in self.rows}

    def add(self, part: str, rows: Iterable[Row]) -> None:
        """Keep all rows of a part, or none."""
        same = {"sitting": self._begun, "date": _now(), **self._facts}
        self._save([*self.rows, *({"part": part, **row, **same} for row in rows)])

    def add_peak(self, flops: float) -> None:
        """Keep a matrix peak; throw the sitting away if it moved too far."""
        self.add("peak", [{"flops": flops}])
        peaks = [row["flops"] for row in self.rows if row["part"] == "peak"]
        if max(peaks) > self._steady * min(peaks):
            self._log.replace(self._log.with_suffix(".discarded.jsonl"))
            raise UnsteadyError(
                f"the matrix peak moved between {min(peaks) / 1e9:.0f} and {max(peaks) / 1e9:.0f} GFLOP/s, more than a "
                "fifth: this sitting is thrown away; run it again when nothing else runs on the machine"
            )

    def _save(self, rows: list[Row]) -> None:
        partial = self._log.with_suffix(".partial")
        partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
        partial.replace(self._log)
        self.rows = rows


def read_rows(log: Path) -> list[Row]:
    """Rows of the last sitting; none where there was no sitting."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def facts(device: str) -> Row:
    """What must not change within a sitting."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory_gib()} GiB",
        "hardware": choose_placement(device).describe().rpartition(", ")[0],
        "versions": f"VirNucPro {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
