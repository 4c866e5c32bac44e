"""NCBI's list of the genome assemblies of a group: reading it, and choosing from it.

References
----------
.. [1] https://ftp.ncbi.nlm.nih.gov/genomes/README_assembly_summary.txt, the columns of the list
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from virnucpro.errors import InputError, shown
from virnucpro.sequences.refseq import LEVELS

__all__ = ["Assembly", "best_of_each_species", "read_assemblies", "sample"]

_COLUMNS = (
    "assembly_accession", "refseq_category", "taxid", "species_taxid", "organism_name", "version_status",
    "assembly_level", "seq_rel_date", "ftp_path", "excluded_from_refseq",
)  # fmt: skip
_FOLDER = re.compile(
    r"(?:https?|ftp)://[^/]+/genomes/(all/GC[AF]/\d{3}/\d{3}/\d{3}/(GC[AF]_\d{9}\.\d{1,6})_[^/\s]{1,150})/?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Assembly:
    """One genome of the list."""

    accession: str
    organism: str
    taxid: int
    species_taxid: int
    category: str  # reference genome, or na
    level: str  # Complete Genome, Chromosome, Scaffold, Contig
    released: str  # date
    folder: str  # where its files are, below .../genomes/

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return self.folder.rpartition("/")[2]

    @property
    def rank(self) -> tuple[bool, int, str, str]:
        """Higher is a better representative: the reference, more complete, newer."""
        completeness = list(LEVELS.values())
        place = completeness.index(self.level) if self.level in completeness else len(completeness)
        return self.category.startswith("reference"), -place, self.released, self.accession


def read_assemblies(lines: Iterable[str], name: str) -> Iterator[Assembly]:
    """Read assembly_summary.txt: current assemblies that have files and that RefSeq does not exclude."""
    header: dict[str, int] | None = None
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t")
        if line.startswith("#"):
            if len(cells) > 1:
                header = _header(cells, f"{name}:{number}")
        elif line.strip():
            if header is None:
                raise InputError(f"{name}:{number}: no line with the names of the columns before the first assembly")
            found = _assembly(cells, header, f"{name}:{number}")
            if found is not None:
                yield found


def best_of_each_species(assemblies: Iterable[Assembly]) -> list[Assembly]:
    """Keep one assembly of every species, where the first of them stood."""
    best: dict[int, Assembly] = {}
    for one in assemblies:
        known = best.get(one.species_taxid)
        if known is None or one.rank > known.rank:
            best[one.species_taxid] = one
    return list(best.values())


def sample(assemblies: list[Assembly], size: int, seed: int) -> list[Assembly]:
    """Draw some assemblies at random, in the order of the list."""
    if len(assemblies) <= size:
        return assemblies
    drawn = np.random.default_rng(seed).choice(len(assemblies), size, replace=False)
    return [assemblies[number] for number in np.sort(drawn)]


def _header(cells: list[str], place: str) -> dict[str, int]:
    header = {cell.lstrip("# "): number for number, cell in enumerate(cells)}
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise InputError(f"{place}: no column {', '.join(missing)}; this is not an assembly_summary.txt of RefSeq")
    return header


def _assembly(cells: list[str], header: dict[str, int], place: str) -> Assembly | None:
    try:
        cell = {column: cells[header[column]] for column in _COLUMNS}
        taxid, species_taxid = int(cell["taxid"]), int(cell["species_taxid"])
    except (IndexError, ValueError) as error:
        raise InputError(f"{place}: the line is damaged ({shown(str(error))}); download the list again") from error
    if cell["version_status"] != "latest" or cell["excluded_from_refseq"] not in ("", "na") or cell["ftp_path"] == "na":
        return None
    folder = _FOLDER.fullmatch(cell["ftp_path"])
    if folder is None or folder[2] != cell["assembly_accession"]:
        raise InputError(f"{place}: {shown(cell['ftp_path'])!r} is no folder of {shown(cell['assembly_accession'])}")
    return Assembly(
        cell["assembly_accession"], cell["organism_name"], taxid, species_taxid, cell["refseq_category"],
        cell["assembly_level"], cell["seq_rel_date"], folder[1],
    )  # fmt: skip
