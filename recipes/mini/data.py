"""The training records as arrays: base codes of all records end to end, and one row of facts for each record.

The data folder holds ``RECORDS.tsv`` (file, record_id, length, label, taxon; rows in the order of the files) and the
gzipped FASTA files that it names.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import dnaio
import numpy as np
from numpy.typing import NDArray

from recipes.mini.families import genome_names

__all__ = ["CLASSES", "VIRAL", "Records", "load_records"]

CLASSES = ("phage", "eukaryotic_virus", "bacteria", "archaea", "plasmid", "organelle", "eukaryote")
VIRAL = 2
"""The first two classes are viral."""

MIN_RECORD_BP = 100
MAX_UNIT_BP = 20_000
"""Neighbouring genes of one genome are joined up to this length, so that windows may be longer than a gene."""

CODES = np.full(256, 4, np.uint8)
CODES[np.frombuffer(b"ACGTU", np.uint8)] = CODES[np.frombuffer(b"acgtu", np.uint8)] = (0, 1, 2, 3, 3)

_PHAGE = re.compile(
    r"\bphage|phage\b|phages|spounavirus|caudovir|_caudo|inovirus|podovirus|prokaryotic virus|rod-shaped virus"
    r"|VirHostMatcher|refresh-bio_PHIST|snayfach_MGV|refresh-bio_vclust|spacepharer|archaeal_viruses|geneid_phage|phagesdb",
    re.IGNORECASE,
)
_UNRESOLVED = re.compile(r"geneid_unresolved|TARA Oceans|bioinformatics-workbook")
_NO_VIRUS = re.compile(r"viroid|satellite", re.IGNORECASE)
"""Viroids code for nothing; satellites need the virus that they come with, and half of them are not like one."""
_MIXED_CLUSTERS = {f"GeneID-cluster-{number}" for number in (96, 137, 692, 1625, 1975)}
"""Clusters of viral genes that share most of them with prokaryotes."""
_GENES = re.compile(r"metaphlan2|transcript|CDS|_tx\b|\.cds\b|mikado_prepared", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Records:
    """Records of a data folder.

    Attributes
    ----------
    codes : numpy.ndarray, shape (bases,), uint8
        0 to 3 for A, C, G, T, 4 for anything else; all records end to end.
    starts, lengths : numpy.ndarray, shape (records,), int64
        Where each record lies.
    allowed : numpy.ndarray, shape (records, classes), bool
        Classes that the label leaves open: one for most records.
    genes : numpy.ndarray, shape (records,), bool
        Coding sequence alone, rather than a genome or a contig.
    units : numpy.ndarray, shape (records,), int64
        Neighbouring records of one number are neighbouring genes of one genome, joined.
    ids : list of str
        ``file:record id``.
    names : list of tuple of str
        What each record shares with its relatives by name: a family, a genus, a genome.
    digest : str
        SHA-256 of all of the above.
    """

    codes: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    genes: NDArray[np.bool_]
    units: NDArray[np.int64]
    ids: list[str]
    names: list[tuple[str, ...]]
    digest: str

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def classes(self) -> NDArray[np.int64]:
        """First class that is open, for counting."""
        return np.asarray(self.allowed.argmax(axis=1))

    def sequence(self, record: int) -> NDArray[np.uint8]:
        """Codes of one record."""
        return self.codes[self.starts[record] : self.starts[record] + self.lengths[record]]


def load_records(folder: Path, cache: Path) -> Records:
    """Read a data folder, or what an earlier run left in its cache."""
    cache.mkdir(parents=True, exist_ok=True)
    facts_path, codes_path = cache / "records.json", cache / "codes.npy"
    if not facts_path.exists():
        _prepare(folder, codes_path, facts_path)
    facts = json.loads(facts_path.read_text())
    lengths = np.array(facts["lengths"], np.int64)
    bits = np.array(facts["allowed"], np.int64)
    return Records(
        np.load(codes_path, mmap_mode="r"),
        np.cumsum(lengths) - lengths,
        lengths,
        (bits[:, None] >> np.arange(len(CLASSES)) & 1).astype(bool),
        np.array(facts["genes"], bool),
        np.array(facts["units"], np.int64),
        facts["ids"],
        [tuple(names) for names in facts["names"]],
        facts["digest"],
    )


def _prepare(folder: Path, codes_path: Path, facts_path: Path) -> None:
    with (folder / "RECORDS.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    sequences: list[NDArray[np.uint8]] = []
    facts: dict[str, list[object]] = {name: [] for name in ("lengths", "allowed", "genes", "units", "ids", "names")}
    seen: set[bytes] = set()
    unit, unit_key, unit_bp = -1, "", 0
    for name, members in groupby(rows, key=lambda row: row["file"]):
        with dnaio.open(folder / name) as reader:
            for row, record in zip(members, reader, strict=True):
                codes = CODES[np.frombuffer(record.sequence.encode(), np.uint8)]
                digest = hashlib.sha256(codes.tobytes()).digest()
                if len(codes) < MIN_RECORD_BP or digest in seen or _is_left_out(row):
                    continue
                seen.add(digest)
                key = f"{name}|{row['record_id'].split('|')[1]}" if "markers" in name or "geneid" in name else ""
                if not key or key != unit_key or unit_bp + len(codes) > MAX_UNIT_BP:
                    unit, unit_bp = unit + 1, 0
                unit_key, unit_bp = key, unit_bp + len(codes)
                allowed = _allowed(row)
                kind = CLASSES[allowed[0]].replace("_", " ")
                sequences.append(codes)
                facts["lengths"].append(len(codes))
                facts["allowed"].append(sum(1 << number for number in allowed))
                facts["genes"].append(bool(_GENES.search(f"{name} {row['taxon']}")))
                facts["units"].append(unit)
                facts["ids"].append(f"{name}:{row['record_id']}")
                facts["names"].append(genome_names(kind, name, row["record_id"], row["taxon"] or ""))
    codes = np.concatenate(sequences)
    digest_of_all = hashlib.sha256(json.dumps(facts).encode())
    digest_of_all.update(codes.data)
    np.save(codes_path, codes)
    facts_path.write_text(json.dumps({**facts, "digest": digest_of_all.hexdigest()}))


def _is_left_out(row: dict[str, str]) -> bool:
    told = f"{row['record_id']} {row['taxon']}"
    if "geneid" in row["file"] and row["record_id"].split("|")[1] in _MIXED_CLUSTERS:
        return True
    return row["label"] == "virus" and ("| Eukaryota;" in (row["taxon"] or "") or bool(_NO_VIRUS.search(told)))


def _allowed(row: dict[str, str]) -> tuple[int, ...]:
    """Classes that a label leaves open."""
    if row["label"] == "prokaryote":
        return CLASSES.index("bacteria"), CLASSES.index("archaea")
    if row["label"] != "virus":
        return (CLASSES.index(row["label"]),)
    told = f"{row['file']} {row['taxon']}"
    if _UNRESOLVED.search(told):
        return 0, 1
    return (0,) if _PHAGE.search(told) and "virophage" not in told else (1,)
