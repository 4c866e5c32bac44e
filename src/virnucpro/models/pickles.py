"""Load untrusted files of ``torch.save``: no code in them is run, and none takes much more memory than its size.

torch's ``weights_only`` reader runs no code and checks tensors against their storages. Before it starts, this module
refuses what it would accept: compressed archives, which inflate to any size, and the one call that allocates any
requested size.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

__all__ = ["PickleError", "is_archive", "load_plain"]

MAX_ENTRIES = 1_000_000
SEARCHED_BYTES = 1 << 20
_ALLOCATING = b"bytearray\n"
"""End of the only name accepted by ``weights_only`` that allocates as much memory as its argument says."""

_DAMAGE = (
    OSError, EOFError, RuntimeError, MemoryError, RecursionError, pickle.UnpicklingError, zipfile.BadZipFile,
    ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError,
    struct.error,
)  # fmt: skip
"""Errors of damaged pickles, which fail in almost any way."""

_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


class PickleError(ValueError):
    """A file was not written by ``torch.save`` or needs more than plain data; torch's message is not quoted."""


def load_plain(
    path: Path,
    known: Sequence[Any] = (),
    max_bytes: int | None = None,
    max_pickle_bytes: int | None = None,
    is_checked: bool = False,
) -> Any:  # noqa: ANN401
    """Read a pickled torch file; tensors of zip archives stay on disk until used.

    `known` are further classes that it may contain, as for `torch.serialization.safe_globals`. The check reads all of
    the file; `is_checked` leaves it out where the same file is opened again.
    """
    try:
        if not is_checked:
            _check_sizes(path, max_bytes, max_pickle_bytes)
        with torch.serialization.safe_globals([*known]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the source code of classes, which are stand-ins here
            return torch.load(path, map_location="cpu", mmap=is_archive(path), weights_only=True)
    except PickleError:
        raise
    except _DAMAGE as error:
        if (found := _GLOBAL.search(str(error))) is not None:
            raise PickleError(f"asks for {found[1]}, and files with code in them are not loaded") from error
        if isinstance(error, OSError) and error.strerror:
            raise PickleError(f"cannot be read: {error.strerror}") from error
        if isinstance(error, pickle.UnpicklingError):
            raise PickleError("cannot be read as plain tensors") from error
        raise PickleError(f"cannot be read: {_first_line(error)}; is it complete?") from error


def is_archive(path: Path) -> bool:
    """Whether a file has the zip layout, which torch writes since 1.6; older ones cannot be mapped."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def _check_sizes(path: Path, max_bytes: int | None, max_pickle_bytes: int | None) -> None:
    """Check the size of the file and the sizes in its archive's directory."""
    if path.exists() and not path.is_file():
        raise PickleError("is not a file")
    size = path.stat().st_size
    if max_bytes is not None and size > max_bytes:
        raise PickleError(f"has {size} bytes, more than the {max_bytes} that are read")
    if not size:
        raise PickleError("is empty")
    if is_archive(path):
        _check_archive(path, size, max_pickle_bytes)
    if _holds(path, _ALLOCATING):
        raise PickleError("asks for bytearray, and files with code in them are not loaded")


def _holds(path: Path, needle: bytes) -> bool:
    """Search in a file by chunks, because pages of a mapped file count as memory."""
    with path.open("rb") as stream:
        text = b""
        while chunk := stream.read(SEARCHED_BYTES):
            text = text[1 - len(needle) :] + chunk
            if needle in text:
                return True
    return False


def _check_archive(path: Path, size: int, max_pickle_bytes: int | None) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    pickles = [entry for entry in entries if entry.filename.endswith("data.pkl")]
    if len(pickles) != 1:
        raise PickleError(f"holds {len(pickles)} pickles instead of one")
    if max_pickle_bytes is not None and pickles[0].file_size > max_pickle_bytes:
        raise PickleError(f"holds a pickle of {pickles[0].file_size} bytes, more than the {max_pickle_bytes} allowed")
    packed = [entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
    if packed or sum(entry.file_size for entry in entries) > size or len(entries) > MAX_ENTRIES:
        raise PickleError("is an archive that says it holds more than its own size, which torch.save does not write")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
