"""The failure log: one line for every sequence that got no vector."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from virnucpro.errors import StoreError
from virnucpro.records import Failure
from virnucpro.runs.files import whole_file

__all__ = ["FAILURE_LOG", "append_failures", "replace_failures"]

FAILURE_LOG = "extraction_failures.log"


def append_failures(folder: Path, file: str, failures: Iterable[Failure]) -> None:
    """Append to the failure log of a folder."""
    lines = _lines(file, failures)
    if not lines:
        return
    log = folder / FAILURE_LOG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder):
            _append(log, "".join(lines).encode())
    except OSError as error:
        raise _cannot_write(log, error) from error


def replace_failures(folder: Path, file: str, failures: Iterable[Failure]) -> None:
    """Make the failure log of a folder hold just these failures of a file, where its old lines stood."""
    new = _lines(file, failures)
    log = folder / FAILURE_LOG
    if not new and not log.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder):
            old = _read_lines(log)
            mine = [number for number, line in enumerate(old) if _is_of(line, file)]
            if not mine and not new:
                return
            start = mine[0] if mine else len(old)
            others = [line for line in old[start:] if not _is_of(line, file)]
            _rewrite(log, old[:start] + new + others)
    except OSError as error:
        raise _cannot_write(log, error) from error


def _lines(file: str, failures: Iterable[Failure]) -> list[str]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        " | ".join((now, _one_line(file), failure.id, failure.error_type, " ".join(failure.message.split()))) + "\n"
        for failure in failures
    ]


def _one_line(file: str) -> str:
    return " ".join(file.splitlines())


def _is_of(line: str, file: str) -> bool:
    return line.partition(" | ")[2].startswith(f"{_one_line(file)} | ")


def _read_lines(log: Path) -> list[str]:
    """Lines with their ends; one that was never finished gets its own."""
    if not log.exists():
        return []
    text = log.read_text("utf-8", "replace")
    return [line + "\n" for line in text.removesuffix("\n").split("\n")] if text else []


def _rewrite(log: Path, lines: list[str]) -> None:
    if not lines:
        log.unlink(missing_ok=True)
        return
    with whole_file(log) as stream:
        stream.write("".join(lines).encode())


def _append(log: Path, content: bytes) -> None:
    """One write of whole lines, on the disk when this returns; when it fails, the log is as before."""
    descriptor = os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            content = b"\n" + content
        try:
            _write_at_once(descriptor, content)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _write_at_once(descriptor: int, content: bytes) -> None:
    if os.write(descriptor, content) < len(content):  # only what there was room for
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait for other runs that write the log of this folder; the kernel lets go when a run is killed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system where folders cannot be locked
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _cannot_write(log: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write {log}: {error.strerror or error}; check space and permissions")
