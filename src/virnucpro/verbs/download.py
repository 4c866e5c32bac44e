"""``download``: the genomes of a training set, as NCBI RefSeq has them. Choose assemblies, then fetch their files."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final
from urllib.parse import quote

from virnucpro.errors import ConfigError, DownloadError, InputError, StoreError, shown
from virnucpro.fetching import Checksum, Fetcher, InterruptedTransferError
from virnucpro.records import Failure, FileIdentity
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.files import (
    cannot_write,
    file_sha256,
    make_scratch,
    remove_scratch,
    require_writable,
    whole_file,
)
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.progress import Progress, ProgressCallback
from virnucpro.runs.single import write_single
from virnucpro.sequences.assemblies import Assembly, best_of_each_species, read_assemblies, sample
from virnucpro.sequences.refseq import FORMATS, GROUPS, LEVELS, MAX_CONNECTIONS, NCBI_GENOMES

__all__ = ["DownloadSettings", "Downloaded", "download_refseq"]

SUMMARY: Final = "assembly_summary.txt"
LIST: Final = "assemblies.tsv"
CHECKSUMS: Final = "md5checksums.txt"
COLUMNS: Final = "accession\torganism\ttaxid\tspecies_taxid\tcategory\tlevel\treleased\tfolder\n"

_MAX_CHECKSUMS_BYTES = 1 << 24  # of one assembly's own list; a thousand times what they have
_CHECKSUM = re.compile(r"([0-9a-f]{32}) [ *](?:\./)?(\S+)")
_OWN_CHECKSUM = re.compile(r"([0-9a-f]{32})  ([^\s/]+_genomic\.(?:fna|gbff)\.gz)")  # NCBI's have ./ before the name
_CUT_CHECKSUM = re.compile(r"[0-9a-f]{0,32}|[0-9a-f]{32} {1,2}[^\s/]*")


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """Settings of `download_refseq`.

    Attributes
    ----------
    group : str
        Folder of RefSeq: viral, bacteria, archaea, fungi, protozoa, plant, invertebrate, vertebrate_mammalian or
        vertebrate_other.
    formats : tuple of str
        What to download of every assembly: ``fna`` (FASTA), ``gbff`` (GenBank), or both.
    level : str or None
        Only assemblies of this level: complete, chromosome, scaffold or contig. None: all.
    one_per_species : bool
        Keep one assembly of every species: the reference genome if there is one, else the most complete, newest one.
    max_assemblies : int or None
        Draw this many assemblies at random. None: all.
    seed : int
        Random seed of the draw.
    base_url : str
        Where the folder ``genomes`` of NCBI is, or a mirror of it.
    retries : int
        How often a transfer is tried again when nothing arrives.
    retry_wait_s : float
        Seconds before the first new try; doubled for each further one.
    """

    group: str = "viral"
    formats: tuple[str, ...] = ("fna",)
    level: str | None = None
    one_per_species: bool = False
    max_assemblies: int | None = None
    seed: int = 42
    base_url: str = NCBI_GENOMES
    retries: int = 5
    retry_wait_s: float = 1.0

    def check(self) -> None:
        """Refuse what cannot be downloaded; tells all problems at once."""
        problems = []
        if self.group not in GROUPS:
            problems.append(f"unknown group {self.group!r}; use one of {', '.join(GROUPS)}")
        if not self.formats or not set(self.formats) <= set(FORMATS):
            problems.append(f"formats are {self.formats!r}; use fna, gbff or both")
        if self.level is not None and self.level not in LEVELS:
            problems.append(f"unknown level {self.level!r}; use one of {', '.join(LEVELS)}")
        if self.max_assemblies is not None and self.max_assemblies < 1:
            problems.append(f"max_assemblies is {self.max_assemblies}; use 1 or more")
        if not re.match(r"https?://[^/\s]", self.base_url):
            problems.append(f"base_url {shown(self.base_url)!r} does not begin with http:// or https://")
        if problems:
            raise ConfigError("\n".join(problems))

    def choice(self) -> dict[str, Any]:
        """What decides which assemblies are in the list; a list of other settings is another list."""
        kept = ("group", "level", "one_per_species", "max_assemblies", "seed")
        return {key: value for key, value in asdict(self).items() if key in kept}


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What `download_refseq` has done.

    Attributes
    ----------
    assemblies : int
        Assemblies in the list.
    files : int
        Files in the folder that belong to the list and whose checksums are right.
    failures : tuple of Failure
        Files that could not be downloaded: accession, kind of error, message.
    """

    assemblies: int
    files: int
    failures: tuple[Failure, ...] = ()


@dataclass(slots=True)
class FileProgress(Progress):
    """Files done of all files, and the bytes that came."""

    received: int = 0

    def __str__(self) -> str:
        return f"{self.share:.0%} | {self.done:,} of {self.total:,} files | {self.received / 1e6:,.1f} MB".replace(
            "%", " %"
        )


@dataclass(frozen=True, slots=True)
class _File:
    """A file to fetch."""

    number: int
    accession: str
    folder: str  # below the base URL
    name: str


def download_refseq(
    outdir: str | Path, settings: DownloadSettings | None = None, *, connections: int = 4, list_only: bool = False,
    overwrite: bool = False, progress: ProgressCallback | None = None,
) -> Downloaded:  # fmt: skip
    """Download the genomes of a group from NCBI RefSeq, to train a classifier on.

    The list of assemblies is made once, from NCBI's assembly_summary.txt, and kept in ``assemblies.tsv``. Then the
    files of each assembly are fetched and compared with the MD5 checksums that NCBI publishes beside them. The same
    call continues an interrupted download, inside of a file too.

    Parameters
    ----------
    outdir : str or Path
        Folder of the list and the genomes; made when absent.
    settings : DownloadSettings, optional
        Group, formats and choice of assemblies.
    connections : int
        Files that are fetched at the same time, 1 to 16.
    list_only : bool
        Write the list and fetch nothing else.
    overwrite : bool
        Make the list again, from NCBI's current one. Files that are there and right stay.
    progress : callable, optional
        Called with a `Progress` after each file.

    Returns
    -------
    Downloaded
        Counts, and the files that could not be downloaded.

    Raises
    ------
    ConfigError
        Settings that make no sense together.
    DownloadError
        NCBI's list cannot be downloaded.
    InputError
        NCBI's list is damaged.
    StoreError
        The folder holds a list of other settings, or cannot be written.

    Examples
    --------
    >>> from virnucpro import DownloadSettings, download_refseq
    >>> done = download_refseq("refseq/viral", DownloadSettings("viral", max_assemblies=100))  # doctest: +SKIP
    >>> done.files  # doctest: +SKIP
    100
    """
    settings = settings or DownloadSettings()
    settings.check()
    if not 1 <= connections <= MAX_CONNECTIONS:
        raise ConfigError(f"{connections} connections; use 1 to {MAX_CONNECTIONS}, more are a burden for the server")
    outdir = Path(outdir)
    require_writable(outdir)
    stop = Event()
    state = FileProgress()
    lock = Lock()

    def received(size: int) -> None:
        with lock:
            state.received += size

    with Fetcher(settings.retries, settings.retry_wait_s, stop=stop, received=received) as fetcher:
        assemblies = _known_list(outdir, settings) if not overwrite else None
        if assemblies is None:
            assemblies = _new_list(outdir, settings, fetcher)
        files = list(_files(assemblies, settings.formats))
        if list_only:
            return Downloaded(len(assemblies), 0)
        checksums = _Checksums(outdir / CHECKSUMS)
        missing = [one for one in files if not checksums.confirm(outdir / one.name)]
        state.total, state.done = len(files), len(files) - len(missing)

        def fetch(one: _File) -> None:
            checksums.add(one.name, _fetch(one, outdir, settings.base_url, fetcher))

        failures = []
        for _, failure in _in_parallel(fetch, missing, connections, stop):
            failures += [failure] if failure else []
            state.done += 1
            if progress:
                progress(state)
    failures.sort(key=lambda failure: failure.number)
    replace_failures(outdir, LIST, failures)
    return Downloaded(len(assemblies), len(files) - len(failures), tuple(failures))


def _known_list(outdir: Path, settings: DownloadSettings) -> list[Assembly] | None:
    """Read the list that an earlier call made; None when there is none."""
    path = outdir / LIST
    manifest = read_manifest(_manifest_path(outdir))
    if manifest is None:
        if path.exists():
            raise StoreError(f"{path} has no manifest, so it is not a list of this command; use another folder")
        return None
    differences = manifest.differences(Manifest(manifest.inputs, {}, settings.choice()))
    if differences:
        raise StoreError(
            f"{path} was made with other settings\n"
            + "\n".join(differences)
            + "\nuse another folder, or make the list "
            "again with --overwrite"
        )
    if not path.exists() or file_sha256(path) != manifest.results[0].sha256:
        raise StoreError(f"{path} is missing or was changed; make it again with --overwrite")
    with path.open(encoding="utf-8") as stream:
        return [_from_row(line) for line in islice(stream, 1, None)]


def _new_list(outdir: Path, settings: DownloadSettings, fetcher: Fetcher) -> list[Assembly]:
    """Choose assemblies from NCBI's current list, and write them down with the digest of that list."""
    url = f"{settings.base_url.rstrip('/')}/refseq/{settings.group}/{SUMMARY}"
    scratch = outdir / ".virnucpro" / "download"
    summary = scratch / SUMMARY
    try:
        make_scratch(scratch)
        try:
            summary.unlink(missing_ok=True)
            fetcher.fetch(url, summary)
            with summary.open(encoding="utf-8", errors="replace") as stream:
                chosen = _choose(read_assemblies(stream, url), settings)
            identity = FileIdentity(url, summary.stat().st_size, file_sha256(summary))
        finally:
            summary.unlink(missing_ok=True)
            remove_scratch(scratch)
    except OSError as error:
        raise cannot_write(summary, error) from error
    if not chosen:
        raise InputError(f"{url}: no assembly meets the settings; choose another --assembly-level")
    content = (COLUMNS + "".join(map(_row, chosen))).encode()
    manifest = Manifest((identity,), {}, settings.choice(), counts={"assemblies": len(chosen)})
    write_single(outdir / LIST, manifest, lambda stream: stream.write(content))
    return chosen


def _choose(assemblies: Iterator[Assembly], settings: DownloadSettings) -> list[Assembly]:
    wanted = LEVELS[settings.level] if settings.level else None
    found = [one for one in assemblies if wanted in (None, one.level)]
    if settings.one_per_species:
        found = best_of_each_species(found)
    return found if settings.max_assemblies is None else sample(found, settings.max_assemblies, settings.seed)


def _manifest_path(outdir: Path) -> Path:
    return outdir / f"{LIST}.json"


def _row(one: Assembly) -> str:
    return "\t".join(shown(str(value)) for value in (
        one.accession, one.organism, one.taxid, one.species_taxid, one.category, one.level, one.released, one.folder,
    )) + "\n"  # fmt: skip


def _from_row(line: str) -> Assembly:
    accession, organism, taxid, species_taxid, *rest = line.rstrip("\n").split("\t")
    return Assembly(accession, organism, int(taxid), int(species_taxid), *rest)


def _files(assemblies: list[Assembly], formats: tuple[str, ...]) -> Iterator[_File]:
    pairs = ((one, ending) for one in assemblies for ending in formats)
    for number, (one, ending) in enumerate(pairs):
        yield _File(number, one.accession, one.folder, f"{one.stem}_genomic.{ending}.gz")


def _fetch(one: _File, outdir: Path, base_url: str, fetcher: Fetcher) -> str:
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


class _Checksums:
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


def _in_parallel(
    fetch: Callable[[_File], None],
    files: list[_File],
    connections: int,
    stop: Event,
) -> Iterator[tuple[_File, Failure | None]]:
    """Fetch some files at a time, and give each when it is done; whatever ends this ends the threads."""
    with ThreadPoolExecutor(connections) as executor:
        try:
            left = iter(files)
            running: dict[Future[None], _File] = {}
            while True:
                for one in islice(left, connections - len(running)):
                    running[executor.submit(fetch, one)] = one
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield (one := running.pop(future)), _failure(one, future)
        finally:
            stop.set()


def _failure(one: _File, future: Future[None]) -> Failure | None:
    """Turn what went wrong with one file into a line of the failure log; a full disk stops everything."""
    try:
        future.result()
    except DownloadError as error:
        return Failure(one.number, one.accession, type(error).__name__, str(error))
    except InterruptedTransferError as error:
        raise KeyboardInterrupt from error
    return None
