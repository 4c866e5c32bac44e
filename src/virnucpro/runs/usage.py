"""What a run took: seconds by stage and memory, for its manifest."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Usage", "peak_mb"]


class Usage:
    """A stopwatch for the stages of one run."""

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of what is done inside."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - begin

    def describe(self) -> dict[str, Any]:
        """Say it for the manifest."""
        seconds = {name: round(value, 3) for name, value in self._seconds.items()}
        return {"started": self._started.isoformat(timespec="seconds"), "seconds": seconds, "peak_mb": peak_mb()}


def peak_mb() -> int:
    """Most memory that this process has had so far, in MB (1e6 bytes)."""
    if sys.platform == "linux":  # where `getrusage` would count the process that started this one, too
        status = Path("/proc/self/status").read_text()
        return round(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes, but bytes on macOS
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)
