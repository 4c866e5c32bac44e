"""Files from web servers: continued where they stopped, checked, and whole or absent."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, Self

from virnucpro import __version__
from virnucpro.errors import DownloadError, StoreError, shown

if TYPE_CHECKING:
    from httpx2 import Client, Response

__all__ = ["Checksum", "Fetcher", "InterruptedTransferError"]

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 60.0
_BYTES_PER_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the publisher says the bytes of a file add up to."""

    algorithm: str  # md5, sha256
    digest: str  # hexadecimal

    def matches(self, stream: BinaryIO) -> bool:
        """Read a file from its start and compare."""
        stream.seek(0)
        found = hashlib.new(self.algorithm, usedforsecurity=False)
        while chunk := stream.read(_BYTES_PER_READ):
            found.update(chunk)
        return found.hexdigest() == self.digest


class InterruptedTransferError(Exception):
    """Another thread asked for an end; what has arrived stays for the next time."""


class _TryAgainError(Exception):
    """The server or the network may do better in a moment."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Fetcher:
    """One client for many files and threads; a transfer that breaks off continues, a few times.

    `received` is told how many bytes of a file came, or were there from an earlier time; less than 0 when they go.
    """

    def __init__(
        self, retries: int = 5, retry_wait_s: float = 1.0, timeout_s: float = 60.0,
        headers: dict[str, str] | None = None, stop: Event | None = None, received: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        self._retries, self._retry_wait_s, self._timeout_s = retries, retry_wait_s, timeout_s
        self._headers = {"User-Agent": f"virnucpro/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
        self._stop = stop or Event()
        self._received = received or (lambda _: None)

    def __enter__(self) -> Self:
        import httpx2  # slow to import, and needed only where something is fetched

        try:
            self._client: Client = httpx2.Client(
                headers=self._headers, timeout=self._timeout_s, follow_redirects=True
            ).__enter__()
        except (ImportError, ValueError) as error:  # proxies of the environment that cannot be used
            raise DownloadError(f"the proxy settings of the environment do not work: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(self, url: str, path: Path, checksum: Checksum | None = None) -> None:
        """Bring a file. What is there and matches stays; what is there and does not is the user's, and an error.

        Only a file with a checksum continues what an earlier process left: nothing else says that both belong together.
        """
        if path.exists():
            with path.open("rb") as stream:
                if checksum and checksum.matches(stream):
                    return
            raise DownloadError(f"{path} exists but differs from {shown(url)}; move it away, or use another folder")
        with _partial_file(path) as (partial, stream):
            if checksum is None:
                stream.truncate(0)
            continued = stream.seek(0, os.SEEK_END) > 0
            if continued:
                self._received(stream.tell())
            self._receive(url, stream)
            if checksum and not checksum.matches(stream) and continued:
                self._restart(stream)
                self._receive(url, stream)
            if checksum and not checksum.matches(stream):
                partial.unlink()
                raise DownloadError(
                    f"{shown(url)}: the {checksum.algorithm} checksum is not {checksum.digest}, as the server itself "
                    "says; the file was damaged on the way or is being replaced there: try again later"
                )
            stream.flush()
            os.fsync(stream.fileno())
            partial.rename(path)

    def text(self, url: str, max_bytes: int) -> str:
        """Read a small text."""
        stream = BytesIO()
        self._receive(url, stream, max_bytes)
        return stream.getvalue().decode(errors="replace")

    def _receive(self, url: str, stream: BinaryIO, max_bytes: int | None = None) -> None:
        """Append what is missing; give up after some failures in a row that brought nothing."""
        from httpx2 import HTTPError, InvalidURL, TransportError

        failures = 0
        while True:
            before = stream.tell()
            try:
                self._receive_rest(url, stream, max_bytes)
            except (TransportError, _TryAgainError) as error:
                failures = 1 if stream.tell() > before else failures + 1
                if failures > self._retries:
                    reason = shown(str(error) or type(error).__name__)
                    raise DownloadError(f"{shown(url)}: {reason}; run the same command again to continue") from error
                self._wait(failures, error.wait_s if isinstance(error, _TryAgainError) else None)
            except (HTTPError, InvalidURL) as error:
                raise DownloadError(f"{shown(url)}: {shown(str(error) or type(error).__name__)}") from error
            else:
                return

    def _receive_rest(self, url: str, stream: BinaryIO, max_bytes: int | None) -> None:
        start = stream.tell()
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code == 416 and start and _total(response) == start:
                return
            if start and not _continues(response, start):
                self._restart(stream)
            _require_content(response)
            for chunk in response.iter_raw(_BYTES_PER_READ):
                if self._stop.is_set():
                    raise InterruptedTransferError
                stream.write(chunk)
                self._received(len(chunk))
                if max_bytes and stream.tell() > max_bytes:
                    raise DownloadError(f"{shown(url)}: larger than {max_bytes:,} bytes, which no such file is")

    def _restart(self, stream: BinaryIO) -> None:
        self._received(-stream.seek(0, os.SEEK_END))
        stream.seek(0)
        stream.truncate()

    def _wait(self, failures: int, told_s: float | None) -> None:
        wait_s = self._retry_wait_s * 2 ** (failures - 1) if told_s is None else told_s
        if self._stop.wait(min(wait_s, _LONGEST_WAIT_S)):
            raise InterruptedTransferError


def _require_content(response: Response) -> None:
    """Take nothing but the file for the file."""
    if response.status_code in _BUSY:
        after = response.headers.get("Retry-After", "")
        told_s = float(after) if after.isascii() and after.isdecimal() else None
        raise _TryAgainError(f"the server answers {response.status_code} {response.reason_phrase}", told_s)
    if response.status_code == 416:
        raise _TryAgainError("the server does not continue the file")
    if response.status_code not in (200, 206):
        raise DownloadError(
            f"{shown(str(response.url))}: the server answers {response.status_code} {shown(response.reason_phrase)}"
        )


def _continues(response: Response, start: int) -> bool:
    """Whether the answer begins where the file ends; an answer that says nothing about the file leaves it as it is."""
    if response.status_code == 206:
        return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    return response.status_code not in (200, 416)


def _total(response: Response) -> int | None:
    """Bytes of the whole file, of an answer that there is nothing more."""
    found = re.fullmatch(r"bytes \*/(\d{1,18})", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


@contextmanager
def _partial_file(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open what has arrived of a file to append to it: locked, never through a link. It stays when this fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(partial, "r+b", opener=lambda name, _: os.open(name, flags, 0o666)) as stream:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another process is downloading {path}; wait for it, or use another folder") from error
        except OSError:
            pass  # file systems without locks
        if os.fstat(stream.fileno()).st_nlink != 1:
            raise StoreError(f"{partial} has another name elsewhere, and would be changed there too; remove it")
        yield partial, stream
