"""Run a section in a process of its own: what it breaks, or hangs in, costs no other section anything.

The process is forked from one that has imported everything and has never touched the device, so it starts at once;
where a driver cannot be used after a fork, it is a fresh one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

ERROR_LINES = 20

MakeRows = Callable[[], Iterator[dict[str, Any]]]


def isolated(
    name: str, rows: MakeRows, limit_s: float, rows_file: Path, log: Path, method: Literal["fork", "spawn"] = "fork"
) -> str:
    """Append the rows of a section to a file as they come, then how it ended; its output goes to a log."""
    started = time.perf_counter()
    begin = log.stat().st_size if log.exists() else 0
    process = multiprocessing.get_context(method).Process(target=_work, args=(name, rows, rows_file, log))
    process.start()
    process.join(limit_s)
    state = "done"
    if process.is_alive():
        process.kill()
        process.join()
        state = f"stopped after {limit_s:.0f} s"
    elif process.exitcode:
        state = "failed"
    printed = log.read_bytes()[begin:].decode(errors="replace").splitlines() if log.exists() else []
    ended = {"ended": state, "section_s": time.perf_counter() - started}
    _append(rows_file, name, ended | ({} if state == "done" else {"error": printed[-ERROR_LINES:]}))
    return state


def _work(name: str, rows: MakeRows, rows_file: Path, log: Path) -> None:
    with log.open("a") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        sys.stdout = sys.stderr = stream
        print(f"--- {name}", flush=True)
        try:
            for row in rows():
                _append(rows_file, name, row)
        except BaseException:  # noqa: BLE001 - the page says what happened, whatever it was
            traceback.print_exc()
            stream.flush()
            os._exit(1)
        stream.flush()
        os._exit(0)


def _append(rows_file: Path, name: str, row: dict[str, Any]) -> None:
    with rows_file.open("a") as stream:
        stream.write(json.dumps({"section": name} | row) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
