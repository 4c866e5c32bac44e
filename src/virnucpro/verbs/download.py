"""``download``: the genomes of a training set, as NCBI RefSeq has them. Choose assemblies, then fetch their files."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any

from virnucpro.errors import ConfigError, shown
from virnucpro.fetching import Fetcher
from virnucpro.records import Failure
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.files import require_writable
from virnucpro.runs.progress import Progress, ProgressCallback
from virnucpro.sequences.refseq import FORMATS, GROUPS, LEVELS, MAX_CONNECTIONS, NCBI_GENOMES
from virnucpro.verbs.assembly_list import LIST, known_list, new_list
from virnucpro.verbs.genome_files import CHECKSUMS, Checksums, GenomeFile, fetch_file, files_of, in_parallel

__all__ = ["DownloadSettings", "Downloaded", "download_refseq"]


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
        assemblies = known_list(outdir, settings) if not overwrite else None
        if assemblies is None:
            assemblies = new_list(outdir, settings, fetcher)
        files = list(files_of(assemblies, settings.formats))
        if list_only:
            return Downloaded(len(assemblies), 0)
        checksums = Checksums(outdir / CHECKSUMS)
        missing = [one for one in files if not checksums.confirm(outdir / one.name)]
        state.total, state.done = len(files), len(files) - len(missing)

        def fetch(one: GenomeFile) -> None:
            checksums.add(one.name, fetch_file(one, outdir, settings.base_url, fetcher))

        failures = []
        for _, failure in in_parallel(fetch, missing, connections, stop):
            failures += [failure] if failure else []
            state.done += 1
            if progress:
                progress(state)
    failures.sort(key=lambda failure: failure.number)
    replace_failures(outdir, LIST, failures)
    return Downloaded(len(assemblies), len(files) - len(failures), tuple(failures))
