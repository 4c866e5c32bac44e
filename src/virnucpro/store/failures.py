"""The failure log: one line for every sequence that got no vector."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from virnucpro.errors import StoreError
from virnucpro.records import Failure

__all__ = ["FAILURE_LOG", "append_failures"]

FAILURE_LOG = "extraction_failures.log"


def append_failures(folder: Path, file: str, failures: Iterable[Failure]) -> None:
    """Append to the failure log of a folder.

    Parameters
    ----------
    folder : Path
        The output folder.
    file : str
        Name of the sequence file.
    failures : iterable of Failure
        One line each: ``timestamp | file | sequence id | error type | message``; nothing is written when empty.

    Raises
    ------
    StoreError
        If the log cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [
        " | ".join((now, file, failure.id, failure.error_type, " ".join(failure.message.split()))) + "\n"
        for failure in failures
    ]
    if not lines:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / FAILURE_LOG).open("a", encoding="utf-8") as log:
            log.write("".join(lines))
    except OSError as error:
        raise StoreError(
            f"cannot write {folder / FAILURE_LOG}: {error.strerror}; check space and permissions"
        ) from error
