"""What can go wrong, as a tree.

::

    VirNucProError
    ├── InputError       a sequence file, a record or an argument's data is bad
    ├── ConfigError      the call itself is wrong; names all problems at once
    ├── WeightsError     model weights are absent, incomplete or not the model they claim to be
    ├── DeviceError      the requested device, number format or number of threads is not available
    ├── StoreError       a file cannot be written, or does not match what it was made from
    ├── WorkerError      a worker on another device or machine cannot be used, or died over a part again and again
    ├── DownloadError    a file cannot be downloaded, or is not what its publisher says
    └── DimensionError   features have another width than what reads them expects

Every message says what is wrong with the value found, where, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = [
    "ConfigError",
    "DeviceError",
    "DimensionError",
    "DownloadError",
    "InputError",
    "StoreError",
    "VirNucProError",
    "WeightsError",
    "WorkerError",
    "counted",
    "counts_in_words",
    "shown",
    "starting_threads",
]


class VirNucProError(Exception):
    """Base class of all errors that this package raises deliberately."""


class InputError(VirNucProError):
    """A sequence file or record cannot be used; the message names the file and the line or record."""


class ConfigError(VirNucProError):
    """The call or the command line is wrong; the message lists every problem."""


class WeightsError(VirNucProError):
    """Model weights are absent, incomplete, misshaped or of another architecture."""


class DeviceError(VirNucProError):
    """The requested device, number format or number of threads is not available on this machine."""


class StoreError(VirNucProError):
    """A result file cannot be written, read, or matched to what it was made from."""


class WorkerError(VirNucProError):
    """A worker on another device or machine cannot be used, or a part has cost too many of them."""


class DownloadError(VirNucProError):
    """A file cannot be downloaded, or its checksum is not the published one."""


class DimensionError(VirNucProError):
    """Vectors have another width than their reader expects."""


@contextmanager
def starting_threads() -> Iterator[None]:
    """Say what to do where a system lets no more threads be started."""
    try:
        yield
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        raise DeviceError(
            "this system does not let virnucpro start another thread; raise the limit on processes and threads "
            "(ulimit -u, docker run --pids-limit, or pids.max of the container), or use fewer threads (--threads 1)"
        ) from error


def counted(number: int, noun: str, plural: str = "") -> str:
    """Number and noun for a message.

    Examples
    --------
    >>> print(counted(1, "record"), counted(1200, "provirus", "proviruses"))
    1 record 1,200 proviruses
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def counts_in_words(counts: Mapping[str, object]) -> str:
    """Counts of a manifest, named by plurals such as ``failed_rows``; those by kind are left out.

    Examples
    --------
    >>> print(counts_in_words({"read": 1, "failed_rows": 1, "residues": 3000, "calls": {"viral": 1}}))
    1 read, 1 failed row, 3,000 residues
    """
    words = ((name.replace("_", " "), number) for name, number in counts.items() if isinstance(number, int))
    return ", ".join(counted(number, plural.removesuffix("s"), plural) for plural, number in words)


_SHORT_ESCAPES = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def shown(text: str, limit: int = 200) -> str:
    """Text from a file or a file name, made safe for a terminal or a one-line log, at most `limit` characters.

    Examples
    --------
    >>> print(shown("a\\x1b[2J\\u202eb"))
    a\\x1b[2J\\u202eb
    """
    safe, longer = "", len(text) > limit
    for character in text[:limit]:
        safe += character if character.isprintable() else _escaped(character)
        if len(safe) > limit:
            longer = True
            break
    return safe[: limit - 3] + "..." if longer else safe


def _escaped(character: str) -> str:
    """Escape a character that cannot be printed; a file-name byte that is not UTF-8 is shown as that byte."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    long_form = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _SHORT_ESCAPES.get(character, long_form)
