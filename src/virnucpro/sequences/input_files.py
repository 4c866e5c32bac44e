"""Read the bytes of an input file: check, digest and decompress them."""

from __future__ import annotations

import errno
import hashlib
import importlib
import io
import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Literal

from xopen import xopen

from virnucpro.errors import InputError, shown
from virnucpro.records import FileIdentity

__all__ = ["BLOCK", "CUT_SHORT", "DECOMPRESSION_ERRORS", "InputFile", "input_problem"]

BLOCK = 128 * 1024
"""Bytes that are read and checked at a time."""

LONGEST_LABEL = 1000

CUT_SHORT = (
    "was cut short, such as by an interrupted download or a full disk, or is still being written; copy or download it "
    "again"
)
"""The probable cause of an end in the middle of something, and what to do."""

MAGIC: dict[bytes, Literal["gz", "bz2", "xz", "zst"]] = {
    b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst",
}  # fmt: skip


def _decompression_errors() -> tuple[type[Exception], ...]:
    """The errors of every decompressor that xopen may use on this machine."""
    errors: list[type[Exception]] = [EOFError, OSError, zlib.error, lzma.LZMAError]
    for module, name in (
        ("isal.igzip_lib", "error"),
        ("zlib_ng.zlib_ng", "error"),
        ("backports.zstd", "ZstdError"),
        ("compression.zstd", "ZstdError"),
    ):
        try:
            errors.append(getattr(importlib.import_module(module), name))
        except ImportError:  # not installed, so xopen does not use it either
            continue
    return tuple(errors)


DECOMPRESSION_ERRORS = _decompression_errors()


class InputFile:
    """A file that can be read several times; its digest must be the same each time."""

    def __init__(self, path: Path, label: str | None = None, sha256: str = "") -> None:
        self.path = Path(path)
        self.label = shown(label or str(path), LONGEST_LABEL)
        self.sha256 = sha256  # of the raw bytes; empty until the first pass is complete, unless given
        self.size = 0  # raw bytes read in the last complete pass

    @property
    def identity(self) -> FileIdentity:
        """Size and digest of the bytes of the last complete pass."""
        return FileIdentity(self.label, self.size, self.sha256)

    def digest(self) -> FileIdentity:
        """Read the whole file for its size and digest."""
        with self._pass():
            pass
        return self.identity

    @contextmanager
    def _pass(self) -> Iterator[Iterator[bytes]]:
        """Yield decompressed blocks; record digest and size if the caller finishes without an error."""
        with ExitStack() as stack:
            raw = stack.enter_context(_DigestedFile(_open_regular(self.path, self.label)))
            packed = stack.enter_context(io.BufferedReader(raw, BLOCK))
            start = packed.peek(6)
            compression = next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)
            # without threads, so that no gzip process outlives an error
            plain: IO[bytes] = xopen(packed, "rb", threads=0, format=compression) if compression else packed
            yield iter(partial(plain.read1, BLOCK), b"")  # type: ignore[attr-defined]
            while packed.read1(BLOCK):  # bytes after the end of the compressed data
                pass
            digest = raw.digest.hexdigest()
            if self.sha256 and digest != self.sha256:
                raise InputError(f"{self.label}: changed during the run; run again when nothing writes to it any more")
            self.sha256, self.size = digest, raw.size

    def _cut_short(self, error: Exception, number: int) -> InputError:
        """Make the error for a file that cannot be read after some record."""
        why = shown(str(error)) or type(error).__name__
        if isinstance(error, EOFError):
            why = f"the compressed data end too early: the file {CUT_SHORT}"
        elif not isinstance(error, OSError) or error.errno is None:
            why = f"{why}; the file is damaged, so copy or download it again"
        return InputError(f"{self.label}, after record {number}: cannot be read: {why}")


class _DigestedFile(io.RawIOBase):
    """A file that is digested while it is read."""

    def __init__(self, descriptor: int) -> None:
        self._file = io.FileIO(descriptor, "rb")
        self.digest, self.size = hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer)
        self.digest.update(memoryview(buffer)[:count])
        self.size += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def input_problem(path: Path) -> str:
    """Say briefly why a path cannot be read as an input file; empty if it can."""
    try:
        os.close(_open_regular(path, ""))
    except InputError as error:
        return str(error).removeprefix(": ")
    return ""


def _open_regular(path: Path, label: str) -> int:
    """Open a regular file; never wait for a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise InputError(f"{label}: {_reason(error)}") from error
    except ValueError as error:  # a NUL in the name
        raise InputError(f"{label}: not a file name: {error}") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise InputError(f"{label}: a folder, not a file; name the files in it")
    raise InputError(f"{label}: a pipe or device, which can be read only once; give '-' and pipe the data into it")


def _reason(error: OSError) -> str:
    reasons = {
        errno.ENOENT: "no such file",
        errno.EACCES: "no permission to read it",
        errno.ELOOP: "a symbolic link that leads back to itself",
        errno.ENAMETOOLONG: "the name is too long for a file",
        errno.ENXIO: "a socket, not a file",
    }
    return reasons.get(error.errno or 0, f"cannot be opened: {error.strerror or error}")
