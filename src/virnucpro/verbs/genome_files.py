"""The files of assemblies: several are fetched at a time, and compared with the checksums that NCBI publishes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event, Lock
from typing import Final
from urllib.parse import quote

from virnucpro.errors import DownloadError, StoreError, starting_threads
from virnucpro.fetching import Checksum, Fetcher, InterruptedTransferError
from virnucpro.records import Failure
from virnucpro.runs.files import cannot_write, whole_file
from virnucpro.sequences.assemblies import Assembly

__all__ = ["CHECKSUMS", "Checksums", "GenomeFile", "fetch_file", "files_of", "in_parallel"]

CHECKSUMS: Final = "md5checksums.txt"

_MAX_CHECKSUMS_BYTES = 1 << 24  # of one assembly's own list; a thousand times what they have
_CHECKSUM = re.compile(r"([0-9a-f]{32}) [ *](?:\./)?(\S+)")
_OWN_CHECKSUM = re.compile(r"([0-9a-f]{32})  ([^\s/]+_genomic\.(?:fna|gbff)\.gz)")  # NCBI's have ./ before the name
_CUT_CHECKSUM = re.compile(r"[0-9a-f]{0,32}|[0-9a-f]{32} {1,2}[^\s/]*")


@dataclass(frozen=True, slots=True)
class GenomeFile:
    """A file to fetch."""

    number: int
    accession: str
    folder: str  # below the base URL
    name: str


def files_of(assemblies: list[Assembly], formats: tuple[str, ...]) -> Iterator[GenomeFile]:
    pairs = ((one, ending) for one in assemblies for ending in formats)
    for number, (one, ending) in enumerate(pairs):
        yield GenomeFile(number, one.accession, one.folder, f"{one.stem}_genomic.{ending}.gz")


def fetch_file(one: GenomeFile, outdir: Path, base_url: str, fetcher: Fetcher) -> str:
    """Fetch a file and give its MD5, as NCBI publishes it."""
    folder = f"{base_url.rstrip('/')}/{quote(one.folder)}"
    published = {
        found[2]: found[1]
        for line in fetcher.text(f"{folder}/{CHECKSUMS}", _MAX_CHECKSUMS_BYTES).splitlines()
        if (found := _CHECKSUM.fullmatch(line.strip()))
    }
    if one.name not in published:
        raise DownloadError(f"{folder}/{CHECKSUMS} does not list {one.name}; NCBI has no such file of this assembly")
    path = outdir / one.name
    try:
        fetcher.fetch(f"{folder}/{quote(one.name)}", path, Checksum("md5", published[one.name]))
    except OSError as error:
        raise cannot_write(path, error) from error
    return published[one.name]


class Checksums:
    """The files that are complete, as ``md5sum -c`` reads them; each is written down once it is."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        _require_own(path)
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        *lines, last = text.split("\n")
        found = [_OWN_CHECKSUM.fullmatch(line) for line in lines]
        if not all(found) or not _CUT_CHECKSUM.fullmatch(last):
            raise StoreError(f"{path} is not of this command; move it away, or use another folder")
        self._known = {one[2]: one[1] for one in found if one}
        if last:  # it was cut off when a run was killed
            with whole_file(path) as stream:
                stream.writelines(f"{digest}  {name}\n".encode() for name, digest in self._known.items())

    def confirm(self, path: Path) -> bool:
        """Whether a file is there and has the checksum that it had when it was complete."""
        if path.name not in self._known or not path.is_file():
            return False
        with path.open("rb") as stream:
            return Checksum("md5", self._known[path.name]).matches(stream)

    def add(self, name: str, digest: str) -> None:
        with self._lock:
            if self._known.get(name) != digest:
                self._known[name] = digest
                _require_own(self._path)
                with open(self._path, "a", encoding="utf-8", opener=_open_no_link) as stream:
                    stream.write(f"{digest}  {name}\n")


def _require_own(path: Path) -> None:
    """Refuse a file that has other names too, a link, or no file at all."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise StoreError(f"{path} is a link or no plain file, and would be changed; move it away")


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def in_parallel(
    fetch: Callable[[GenomeFile], None],
    files: list[GenomeFile],
    connections: int,
    stop: Event,
) -> Iterator[tuple[GenomeFile, Failure | None]]:
    """Fetch some files at a time, and give each when it is done; whatever ends this ends the threads."""
    with ThreadPoolExecutor(connections) as executor:
        try:
            left = iter(files)
            running: dict[Future[None], GenomeFile] = {}
            while True:
                with starting_threads():
                    for one in islice(left, connections - len(running)):
                        running[executor.submit(fetch, one)] = one
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield (one := running.pop(future)), _failure(one, future)
        finally:
            stop.set()


def _failure(one: GenomeFile, future: Future[None]) -> Failure | None:
    """Turn what went wrong with one file into a line of the failure log; a full disk stops everything."""
    try:
        future.result()
    except DownloadError as error:
        return Failure(one.number, one.accession, type(error).__name__, str(error))
    except InterruptedTransferError as error:
        raise KeyboardInterrupt from error
    return None
