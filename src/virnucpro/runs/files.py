"""Write files that are complete or absent, and never touch files of the user.

A file is written under an unpredictable name, flushed to disk and renamed, so a link that somebody prepared is never
followed. The writer holds a lock on its temporary file; files that a killed run left behind are not locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from virnucpro.errors import ConfigError, StoreError, shown

__all__ = [
    "cannot_read",
    "cannot_write",
    "file_sha256",
    "is_taken",
    "make_scratch",
    "open_temporary",
    "remove_leftovers",
    "remove_scratch",
    "require_distinct",
    "require_no_link",
    "require_writable",
    "result_path",
    "sync_folder",
    "whole_file",
]

MAX_DEPTH = 2
_LONGEST_PATH = 1000
_LONGEST_NAME = 200  # bytes; file systems allow 255
_ATTEMPTS = 100
_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{16}\.partial")


@contextmanager
def whole_file(path: Path, scratch: Path | None = None, keep_name: bool = True) -> Iterator[BinaryIO]:
    """Write a file that gets its name only when it is complete and on disk; until then it is in `scratch`.

    Without `keep_name`, the file may be absent after a power failure; it is complete if it is there.
    """
    with _store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(errno.EISDIR, "a folder has this name")
        temporary, stream = open_temporary(path, scratch or path.parent)
        with stream:
            try:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        if keep_name:
            sync_folder(path.parent)


def open_temporary(path: Path, folder: Path) -> tuple[Path, BinaryIO]:
    """Open a new, locked temporary file for writing and reading."""
    temporary = _temporary_path(path, folder)
    stream = open(temporary, "w+b", opener=_open_new)  # noqa: SIM115  the caller closes it
    _lock(stream.fileno())
    return temporary, stream


def file_sha256(path: Path) -> str:
    """Digest of a file's bytes; StoreError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise cannot_read(path, error) from error


def require_writable(folder: Path) -> None:
    """Check before any work that results can be written; create the folder if needed."""
    with _store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as stream:
            stream.write(b"x")
            stream.flush()


def is_taken(path: Path) -> bool:
    """Whether there is a file of this name already; StoreError if no file can have it."""
    with _store_errors(path):
        try:
            found = path.lstat()
        except FileNotFoundError:
            return False
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "a folder has this name")
    return True


def require_distinct(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Refuse outputs that are inputs, under any name or link, and outputs with the same name; name all problems."""
    inputs, outputs = list(inputs), list(outputs)
    by_identity = {_identity(path): path for path in reversed(inputs)}
    problems = []
    for output in outputs:
        source = by_identity.get(_identity(output))
        if source is not None:
            same = "" if source == output else f" is the input {_name(source)} under another name, and"
            problems.append(f"{_name(output)}{same} would be overwritten; choose another output folder")
    places = Counter(_place(path) for path in outputs)
    problems += [f"{_name(Path(place))} would be written twice" for place, times in places.items() if times > 1]
    if problems:
        raise ConfigError("\n".join(problems))


def make_scratch(folder: Path) -> None:
    """Create a scratch folder; retry if another process removes the common parent at the same moment."""
    require_no_link(folder.parent)
    require_no_link(folder)
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            folder.mkdir(parents=True, exist_ok=True)
            for name in os.listdir(folder):
                require_no_link(folder / name)
            return
    raise FileNotFoundError(errno.ENOENT, "its folder vanishes again and again")


def require_no_link(path: Path) -> None:
    """Refuse to write through a link. Only the output folder itself, which the user named, may be one."""
    if path.is_symlink():
        raise StoreError(f"{_name(path)} is a link, and results would be written through it; remove it")


def remove_scratch(folder: Path, below: Iterable[str] = ()) -> None:
    """Remove a scratch folder, the folders `below` it and the common parent, if they are empty."""
    for one in (*(folder / name for name in below), folder, folder.parent):
        with contextlib.suppress(OSError):  # not empty, or not there
            one.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Delete what killed runs left: regular files of our own with one link that no process has locked."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _LEFTOVER.fullmatch(entry.name)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_write(folder, error) from error
    for name in names:
        with contextlib.suppress(OSError):  # already gone, or not ours
            _remove_leftover(folder / name)


def _remove_leftover(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        ours = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()
        if ours and _lock(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)


def _temporary_path(path: Path, folder: Path) -> Path:
    """``.NAME.XXXX.partial``, where X are random hexadecimal digits."""
    name = path.name
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    return folder / f".{name}.{secrets.token_hex(8)}.partial"


def _open_new(path: str, _: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _lock(descriptor: int) -> bool:
    """Lock a file while it is open; False if another process has locked it or the file system cannot lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | str:
    """Identity of a file, the same under all of its names; for a missing file, its resolved path."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return _place(path)
    return found.st_dev, found.st_ino


def _place(path: Path) -> str:
    """Path of a file in its resolved folder."""
    try:
        return os.path.join(os.path.realpath(path.parent), path.name)
    except (OSError, ValueError):
        return str(path)


def result_path(outdir: Path, name: str) -> Path:
    """Where a result is that a manifest names: in the output folder, or one folder below; StoreError for elsewhere."""
    parts = Path(name).parts
    if not 1 <= len(parts) <= MAX_DEPTH or ".." in parts or Path(name).is_absolute():
        raise StoreError(f"{shown(name)!r} is not the name of a result in {_name(outdir)}")
    path = outdir / name
    if path.parent != outdir:
        require_no_link(path.parent)
    return path


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, if the file system can sync folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    """Turn errors of the system into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error
    except RuntimeError as error:  # torch's archive writer wraps what the stream raised
        if isinstance(error.__context__, OSError):
            raise cannot_write(path, error.__context__) from error
        raise


_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EROFS: "choose another folder: this file system is read-only",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EISDIR: "move that folder away, or choose another output folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "choose another folder: this is a symbolic link that leads back to itself",
    errno.EFBIG: "the file system or a limit of this session allows no larger files",
}


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Make the error for a file that cannot be written, with advice."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR) and (file := _file_in(path)):
        what = "it" if file == path else _name(file)
        kind = "a link to something that does not exist" if file.is_symlink() and not file.exists() else "a file"
        return StoreError(
            f"cannot write to {_name(path)}: {what} is {kind}, not a folder; choose another output folder"
        )
    advice = _ADVICE.get(error.errno or 0, "check the folder and its file system")
    return StoreError(f"cannot write {_name(path)}: {error.strerror or error}; {advice}; finished files are kept")


def _file_in(path: Path) -> Path | None:
    """Return what is not a folder in a path that should be one; of a dangling link, the link."""
    return next((one for one in (path, *path.parents) if os.path.lexists(one) and not os.path.isdir(one)), None)


def cannot_read(path: Path, error: OSError) -> StoreError:
    """Make the error for a file that cannot be read, with advice."""
    locked = error.errno in (errno.EACCES, errno.EPERM)
    advice = "make it readable, or move it away" if locked else "check the path and its file system"
    return StoreError(f"cannot read {_name(path)}: {error.strerror or error}; {advice}")


def _name(path: Path) -> str:
    return shown(str(path), _LONGEST_PATH)
