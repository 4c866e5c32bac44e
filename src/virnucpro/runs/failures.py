"""The failure log: one line for every sequence that has no result."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import lock_descriptor

from virnucpro.errors import StoreError, shown
from virnucpro.records import Failure
from virnucpro.runs.files import make_scratch, remove_leftovers, remove_scratch, whole_file

__all__ = ["FAILURE_LOG", "replace_failures"]

FAILURE_LOG = "extraction_failures.log"

_SEPARATOR = " | "
_LONGEST_PATH, _LONGEST_MESSAGE = 1000, 500


def replace_failures(folder: Path, file: str, failures: Iterable[Failure]) -> None:
    """Replace the lines of an input file in the failure log of a folder; others stay."""
    log, new, scratch = folder / FAILURE_LOG, _lines(file, failures), folder / ".virnucpro" / FAILURE_LOG
    if not new and not log.exists() and not scratch.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder) as alone:
            old = _read_lines(log)
            is_mine = [line.partition(_SEPARATOR)[2].startswith(_field(file) + _SEPARATOR) for line in old]
            start = is_mine.index(True) if True in is_mine else len(old)
            others = [line for line, mine in zip(old[start:], is_mine[start:], strict=True) if not mine]
            make_scratch(scratch)
            try:
                remove_leftovers(scratch)
                _rewrite(log, old[:start] + new + others, scratch)
            finally:
                if alone:
                    remove_scratch(scratch)
    except OSError as error:
        raise StoreError(f"cannot write {log}: {error.strerror or error}; check space and permissions") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Lock the folder itself, so that no lock file is left behind; the system unlocks it when a process is killed.

    Yields whether it is locked; some file systems cannot lock folders.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    alone = False
    try:
        with contextlib.suppress(OSError):
            lock_descriptor(descriptor)
            alone = True
        yield alone
    finally:
        os.close(descriptor)


def _lines(file: str, failures: Iterable[Failure]) -> list[str]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        _SEPARATOR.join((now, _field(file), _field(each.id), each.error_type, shown(each.message, _LONGEST_MESSAGE)))
        for each in failures
    ]


def _field(text: str) -> str:
    """Escape a field; it must not contain the separator."""
    return shown(text, _LONGEST_PATH).replace("|", "\\x7c")


def _read_lines(log: Path) -> list[str]:
    """Read the lines of the log; a link is not followed."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if log.is_symlink() or not log.exists():
            return []
        raise
    with open(descriptor, encoding="utf-8", errors="replace", newline="\n") as stream:
        return [line.removesuffix("\n") for line in stream]


def _rewrite(log: Path, lines: list[str], scratch: Path) -> None:
    if not lines:
        log.unlink(missing_ok=True)
        return
    with whole_file(log, scratch) as stream:
        stream.writelines(f"{line}\n".encode() for line in lines)
