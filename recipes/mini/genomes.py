"""A folder of genomes in memory: one array of bases, and one row of facts for each record.

The folder holds ``RECORDS.tsv`` (file, record_id, length, label, taxon; rows in the order of the files) and the gzipped
FASTA files that it names.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.mini.families import genome_names
from virnucpro.sequences.nucleotides import clean_nucleotides
from virnucpro.sequences.reading import SequenceFile

__all__ = ["CLASSES", "Genomes", "read_genomes"]

CLASSES = ("phage", "eukaryotic virus", "bacteria", "archaea", "plasmid", "organelle", "eukaryote")
"""Kinds of genome; the first two are viral."""

VIRAL_CLASSES = 2
MIN_RECORD_BP = 150

_PHAGE = re.compile(r"phage|caudovir|_caudo|inovirus", re.IGNORECASE)
_NO_VIRUS = re.compile(r"viroid|satellite", re.IGNORECASE)
"""Viroids code for nothing; satellites need the virus that they come with, and half of them are not like one."""


@dataclass(frozen=True, eq=False)
class Genomes:
    """Records of a data folder.

    Attributes
    ----------
    bases : numpy.ndarray, shape (total,), uint8
        Upper-case letters of all records, end to end.
    starts, lengths : numpy.ndarray, shape (records,), int64
        Where each record lies.
    classes : numpy.ndarray, shape (records,), int64
        Index into `CLASSES`.
    ids : list of str
        ``file:record id``.
    names : list of tuple of str
        What each record shares with its relatives by name: a family, a genus, a genome.
    """

    bases: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    classes: NDArray[np.int64]
    ids: list[str]
    names: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.ids)

    def sequence(self, record: int) -> NDArray[np.uint8]:
        """Bases of one record."""
        return self.bases[self.starts[record] : self.starts[record] + self.lengths[record]]

    @property
    def sha256(self) -> str:
        """Digest of ids, names of relatives, classes and bases: what a recipe's result depends on."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        digest.update(repr([sorted(names) for names in self.names]).encode())
        for array in (self.lengths, self.classes, self.bases):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def read_genomes(folder: Path) -> Genomes:
    """Read all records of a folder, each sequence once.

    Parameters
    ----------
    folder : Path
        With ``RECORDS.tsv`` and the files that it names.

    Returns
    -------
    Genomes
        Records of at least 150 bp that are no viroids or satellites; of equal sequences the first.
    """
    with (folder / "RECORDS.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    sequences: list[bytes] = []
    classes: list[int] = []
    ids: list[str] = []
    names: list[tuple[str, ...]] = []
    seen: set[bytes] = set()
    for name in dict.fromkeys(row["file"] for row in rows):
        facts = [row for row in rows if row["file"] == name]
        for row, record in zip(facts, SequenceFile(folder / name), strict=True):
            sequence = clean_nucleotides(record.sequence)
            digest = hashlib.sha256(sequence).digest()
            if len(sequence) < MIN_RECORD_BP or digest in seen or _is_left_out(row):
                continue
            seen.add(digest)
            sequences.append(sequence)
            classes.append(CLASSES.index(_class_of(row)))
            ids.append(f"{name}:{row['record_id']}")
            names.append(genome_names(_class_of(row), row["file"], row["record_id"], row["taxon"] or ""))
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    bases = np.frombuffer(b"".join(sequences), np.uint8).copy()
    return Genomes(bases, np.cumsum(lengths) - lengths, lengths, np.array(classes, dtype=np.int64), ids, names)


def _is_left_out(row: dict[str, str]) -> bool:
    told = f"{row['record_id']} {row['taxon']}"
    other_label = row["label"] == "virus" and "| Eukaryota;" in (row["taxon"] or "")
    return other_label or (row["label"] == "virus" and bool(_NO_VIRUS.search(told)))


def _class_of(row: dict[str, str]) -> str:
    if row["label"] != "virus":
        return row["label"]
    return "phage" if _PHAGE.search(f"{row['file']} {row['taxon']}") else "eukaryotic virus"
