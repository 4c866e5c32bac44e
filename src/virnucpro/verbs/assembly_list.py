"""The list of assemblies of a download: chosen once from NCBI's list, and kept with the digest of that list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from virnucpro.errors import InputError, StoreError, shown
from virnucpro.fetching import Fetcher
from virnucpro.records import FileIdentity
from virnucpro.runs.files import cannot_write, file_sha256, make_scratch, remove_scratch
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.single import write_single
from virnucpro.sequences.assemblies import Assembly, best_of_each_species, read_assemblies, sample
from virnucpro.sequences.refseq import LEVELS

if TYPE_CHECKING:
    from virnucpro.verbs.download import DownloadSettings

__all__ = ["LIST", "known_list", "new_list"]

SUMMARY: Final = "assembly_summary.txt"
LIST: Final = "assemblies.tsv"
COLUMNS: Final = "accession\torganism\ttaxid\tspecies_taxid\tcategory\tlevel\treleased\tfolder\n"


def known_list(outdir: Path, settings: DownloadSettings) -> list[Assembly] | None:
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


def new_list(outdir: Path, settings: DownloadSettings, fetcher: Fetcher) -> list[Assembly]:
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
