"""One sitting: all rows of a table come from one run on one machine, whose speed did not change meanwhile.

A sitting that was interrupted continues with its next part. It is thrown away when the fastest matrix product, measured
before and after every part, moved by more than a fifth: its rows could not be compared with each other.

Its rows are in a file that ends with ``.partial`` until it is finished, so an unfinished sitting never replaces a
finished one. Parts can be added to a finished sitting.
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
    """The rows of a sitting, in a file of JSON lines.

    ``extend`` adds to the finished sitting if it can still be compared with; otherwise, and without ``extend``, the
    unfinished one continues. ``fresh`` begins a new one.
    """

    def __init__(self, log: Path, device: str, fresh: bool, steady: float = STEADY, extend: bool = False) -> None:
        self._finished, self._partial = log, log.with_suffix(".partial")
        self._facts, self._steady = facts(device), steady
        finished = self._comparable(self._finished) if extend and not fresh else []
        self._extends = is_finished(finished)
        self._log = self._finished if self._extends else self._partial
        self.rows = finished if self._extends else [] if fresh else self._comparable(self._partial)
        self._begun = self.rows[0]["sitting"] if self.rows else _now()

    def _comparable(self, log: Path) -> list[Row]:
        """Rows of the same machine and versions that are not too old; none otherwise."""
        rows = read_rows(log)
        if not rows or {key: rows[0].get(key) for key in self._facts} != self._facts:
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
        """Keep a matrix peak; if it moved too far, throw away the sitting, or only what was added to a finished one."""
        before = self.rows
        self.add("peak", [{"flops": flops}])
        peaks = [row["flops"] for row in self.rows if row["part"] == "peak"]
        if max(peaks) <= self._steady * min(peaks):
            return
        if self._extends:
            last = max(number for number, row in enumerate(before) if row["part"] in {"peak", "end"})
            self._save(before[: last + 1])
        else:
            self._log.replace(self._finished.with_suffix(".discarded.jsonl"))
        raise UnsteadyError(
            f"the matrix peak moved between {min(peaks) / 1e9:.0f} and {max(peaks) / 1e9:.0f} GFLOP/s, more than a "
            f"fifth: {'the part just measured' if self._extends else 'this sitting'} is thrown away; run it again when "
            "nothing else runs on the machine"
        )

    def finish(self) -> None:
        """Replace the finished sitting."""
        self._log = self._finished
        self.add("end", [{}])
        self._partial.unlink(missing_ok=True)

    def _save(self, rows: list[Row]) -> None:
        written = self._log.with_suffix(".tmp")
        written.write_text("".join(json.dumps(row) + "\n" for row in rows))
        written.replace(self._log)
        self.rows = rows


def is_finished(rows: list[Row]) -> bool:
    """Whether rows are those of a whole sitting."""
    return any(row["part"] == "end" for row in rows)


def read_rows(log: Path) -> list[Row]:
    """Rows of a log; none where there is no log."""
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
