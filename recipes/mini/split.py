"""Which records are for training, for choosing and for testing; two questions are asked of one trained model.

*Family* sides: groups of relatives (by name of family, genus or genome, or by shared 25-mers) of which nothing is in
training: what is new to science. *Record* sides: genomes left out of groups whose other genomes are in training: a new
sequence of something known, which is what most published figures are about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.mini.data import CLASSES, VIRAL, Records
from recipes.mini.kmers import canonical_kmers, distinct, is_varied, sampled

__all__ = ["SIDES", "Split", "kmer_rows", "load_split", "split_records"]

SIDES = ("train", "family-validation", "family-test", "record-validation", "record-test")
UNUSED = -1
"""Side of a record that is related to one on a family side without being of its group: a gene of a genome, mostly."""
FAMILY_SHARE, RECORD_SHARE = 0.08, 0.06
"""Share of a class for each held-out side."""

ONE_IN = 50
"""One 25-mer in so many is looked at when groups are formed."""
MIN_SHARED, MIN_SHARE = 2, 0.01
"""Sampled 25-mers that two records share before they are relatives: so many, and this share of the shorter one's."""
MAX_OWNERS = 300
"""A 25-mer in more records than this (ribosomal RNA, insertion sequences) relates nobody."""
RIBOSOMAL = "species ribosomal"
"""Name of records whose 25-mers are in every genome."""
OVERSHOOT = 1.5
"""By how much the last part dealt to a side may exceed the side's share; larger parts are for training."""


@dataclass(frozen=True, eq=False)
class Split:
    """Group and side of every record.

    Attributes
    ----------
    groups : numpy.ndarray, shape (records,), int64
        Relatives have one number.
    genomes : numpy.ndarray, shape (records,), int64
        Records of one genome, or gene cluster, have one number.
    sides : numpy.ndarray, shape (records,), int64
        Index into `SIDES`.
    """

    groups: NDArray[np.int64]
    genomes: NDArray[np.int64]
    sides: NDArray[np.int64]


def load_split(records: Records, cache: Path, seed: int) -> Split:
    """Split the records, or take what an earlier run left in its cache."""
    path = cache / f"split-{seed}-{records.digest[:12]}.npz"
    if not path.exists():
        made = split_records(records, seed)
        np.savez(path, groups=made.groups, genomes=made.genomes, sides=made.sides)
    found = np.load(path)
    return Split(found["groups"], found["genomes"], found["sides"])


def split_records(records: Records, seed: int) -> Split:
    """Form groups of relatives, deal whole groups to the family sides, then whole genomes to the record sides."""
    rng = np.random.default_rng((seed, len(records)))
    genomes = _components(len(records), _name_links([names[:1] for names in records.names]))
    relatives = _kmer_links(records)
    alike = records.genes[relatives[:, 0]] == records.genes[relatives[:, 1]]
    groups = _components(len(records), [*_name_links(records.names), *map(tuple, relatives[alike].tolist())])
    sides = np.zeros(len(records), np.int64)
    _deal(groups, records, FAMILY_SHARE, 1, sides, rng)
    for left, right in (relatives.T, relatives.T[::-1]):
        sides[right[np.isin(sides[left], (1, 2)) & (sides[right] == 0)]] = UNUSED
    _deal(genomes, records, RECORD_SHARE, 3, sides, rng)
    return Split(groups, genomes, sides)


def _deal(
    parts: NDArray[np.int64],
    records: Records,
    share: float,
    first: int,
    sides: NDArray[np.int64],
    rng: np.random.Generator,
) -> None:
    """Deal whole parts in random order to two sides, by turns, until each has its share of every class.

    Genes and genomes are dealt apart. A part belongs to the class and kind that most of its bases have, and weighs as
    the root of its bases.
    """
    rows = np.flatnonzero(sides == 0)
    numbers, inverse = np.unique(parts[rows], return_inverse=True)
    kinds = 2 * records.classes[rows] + records.genes[rows]
    bases = np.zeros((len(numbers), 2 * len(CLASSES)))
    np.add.at(bases, (inverse, kinds), records.lengths[rows])
    kind_of_part, weights = bases.argmax(axis=1), np.sqrt(bases.sum(axis=1))
    side_of_part = np.zeros(len(numbers), np.int64)
    for kind in range(2 * len(CLASSES)):
        members = np.flatnonzero(kind_of_part == kind)
        if len(members) < 3:  # too few for three sides
            continue
        wanted = share * weights[members].sum()
        got = [0.0, 0.0]
        for part in rng.permutation(members):
            side = int(got[1] < got[0])
            if got[side] + weights[part] <= max(wanted * OVERSHOOT, weights[members].min()) and got[side] < wanted:
                got[side] += weights[part]
                side_of_part[part] = first + side
    sides[rows] = side_of_part[inverse]


def _components(count: int, links: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Number connected records, from 0 in the order of their first records."""
    parents = list(range(count))

    def root(record: int) -> int:
        while parents[record] != record:
            parents[record] = parents[parents[record]]
            record = parents[record]
        return record

    for left, right in links:
        first, second = sorted((root(left), root(right)))
        parents[second] = first
    return np.unique([root(record) for record in range(count)], return_inverse=True)[1].astype(np.int64)


def _name_links(names: Sequence[tuple[str, ...]]) -> list[tuple[int, int]]:
    firsts: dict[str, int] = {}
    return [(firsts.setdefault(name, row), row) for row, own in enumerate(names) for name in own]


def kmer_rows(records: Records, rows: NDArray[np.int64], one_in: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Sampled 25-mers of some records, each record's once, with the row of its record."""
    found, owners = [], []
    for row in rows.tolist():
        kmers = distinct(sampled(canonical_kmers(records.sequence(row)), one_in))
        found.append(kmers)
        owners.append(np.full(len(kmers), row))
    return np.concatenate(found), np.concatenate(owners)


def _kmer_links(records: Records) -> NDArray[np.int64]:
    """Pairs of viral, or of cellular, records that share enough 25-mers."""
    viral = records.classes < VIRAL
    ribosomal = np.array([RIBOSOMAL in names for names in records.names])
    known, _ = kmer_rows(records, np.flatnonzero(ribosomal), ONE_IN) if ribosomal.any() else (np.zeros(0, "u8"), None)
    links = []
    for side in (viral, ~viral):
        kmers, owners = kmer_rows(records, np.flatnonzero(side & ~ribosomal), ONE_IN)
        kept = is_varied(kmers) & ~np.isin(kmers, known)
        links.append(_relatives(kmers[kept], owners[kept], len(records)))
    return np.concatenate(links)


def _relatives(kmers: NDArray[np.uint64], owners: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    sizes = np.bincount(owners, minlength=count)
    order = np.lexsort((owners, kmers))
    owners, kmers = owners[order], kmers[order]
    edges = np.flatnonzero(np.concatenate(([True], kmers[1:] != kmers[:-1], [True])))
    counts = np.diff(edges)
    codes = []
    for many in np.unique(counts[(counts > 1) & (counts <= MAX_OWNERS)]).tolist():
        owned = owners[edges[:-1][counts == many][:, None] + np.arange(many)]
        left, right = np.triu_indices(many, 1)
        codes.append((owned[:, left] * count + owned[:, right]).ravel())
    if not codes:
        return np.zeros((0, 2), np.int64)
    pairs, shared = np.unique(np.concatenate(codes), return_counts=True)
    left, right = np.divmod(pairs, count)
    smaller = np.minimum(sizes[left], sizes[right])
    related = (shared >= MIN_SHARED) & (shared >= MIN_SHARE * smaller)
    return np.stack([left[related], right[related]], axis=1)
