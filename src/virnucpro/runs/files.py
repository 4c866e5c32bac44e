"""Writing files that are whole or absent.

A file is written under a temporary name in its own folder, flushed to the disk and renamed. The temporary name follows
from the final one, so a run that was killed leaves at most one per file, and the next run takes that one over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from virnucpro.errors import StoreError

__all__ = ["require_writable", "temporary_path", "whole_file"]


def temporary_path(path: Path) -> Path:
    """Name that a file has while it is written."""
    return path.with_name(f".{path.name}.partial")


def require_writable(folder: Path) -> None:
    """Find out before any work whether results can be written; the folder is made when absent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as stream:
            stream.write(b"x")
            stream.flush()
    except OSError as error:
        raise _cannot_write(folder, error) from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when it is complete and on the disk."""
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open_without_truncating(temporary) as stream:
            _claim(stream, temporary, path)
            stream.truncate(0)
            try:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    except RuntimeError as error:  # torch's archive writer wraps what the stream raised
        if isinstance(error.__context__, OSError):
            raise _cannot_write(path, error.__context__) from error
        raise


def _open_without_truncating(path: Path) -> BinaryIO:
    """Open for writing anywhere in the file, as some formats do; another run may own what is in it."""
    return open(path, "r+b", opener=lambda name, _: os.open(name, os.O_RDWR | os.O_CREAT, 0o666))


def _claim(stream: BinaryIO, temporary: Path, path: Path) -> None:
    """Lock the temporary file for as long as it is open; the kernel lets go when a run is killed."""
    taken = StoreError(f"{path} is being written by another run; let it finish, or give another folder")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise taken from error
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):  # a file system without locks
            raise
    if not temporary.exists() or not os.path.samestat(os.fstat(stream.fileno()), temporary.stat()):
        raise taken  # between opening and locking, another run gave this very file its final name


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut, where folders can be synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> StoreError:
    reason = error.strerror or str(error)
    advice = (
        "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check the folder and its permissions"
    )
    return StoreError(f"cannot write {path}: {reason}; {advice} and run again: finished files are kept")
