"""Training, validation and test side: relatives on one side, and no 25-mer on two.

Records that share a name (family, genus, genome) or more than a few 25-mers are one group; a group goes to one side as
a whole. What unrelated genomes still share (ribosomal RNA, insertion sequences, vector) is then masked on the smaller
sides, so that no 25-mer of a window for choosing or testing was ever seen in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recipes.mini.genomes import CLASSES, Genomes
from recipes.mini.kmers import K, canonical_kmers, distinct, is_varied, sampled

__all__ = ["SIDES", "Split", "find_groups", "mask_shared", "shared_kmers", "split_genomes"]

SIDES = ("train", "validation", "test")
SHARES = (0.70, 0.15, 0.15)

ONE_IN = 50
"""One 25-mer in so many is looked at when groups are formed."""

MANY_SHARED = 4
"""Sampled 25-mers that two records share before they are relatives, whatever their lengths."""

FEW_SHARED, FEW_SHARE = 2, 0.02
"""The same for short records: so many, if they are this share of the shorter one's."""

RIBOSOMAL = "species ribosomal"
"""Name of records whose 25-mers are in every genome: they are masked, but relate nobody."""

GIANT = 0.3
"""A group with more than this share of its class's bases is for training."""


@dataclass(frozen=True, eq=False)
class Split:
    """Which side and group every record belongs to.

    Attributes
    ----------
    groups : numpy.ndarray, shape (records,), int64
        Relatives have one number.
    sides : numpy.ndarray, shape (records,), int64
        Index into `SIDES`.
    """

    groups: NDArray[np.int64]
    sides: NDArray[np.int64]


def split_genomes(genomes: Genomes, seed: int) -> Split:
    """Split a folder of genomes.

    Parameters
    ----------
    genomes : Genomes
        All records.
    seed : int
        Of the order in which groups are dealt out.

    Returns
    -------
    Split
        Groups and sides.
    """
    groups = find_groups(genomes)
    count = int(groups.max()) + 1
    bases = np.zeros((len(CLASSES), count))
    np.add.at(bases, (genomes.classes, groups), genomes.lengths)
    class_of_group = bases.argmax(axis=0)
    side_of_group = np.zeros(count, np.int64)
    rng = np.random.default_rng((seed, len(CLASSES)))
    for kind in range(len(CLASSES)):
        members = np.flatnonzero((class_of_group == kind) & (bases.sum(axis=0) > 0))
        if len(members):
            side_of_group[members] = _deal(bases[kind, members], rng)
    return Split(groups, side_of_group[groups])


def _deal(bases: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal groups of one class to the side that lacks most; they weigh by the square root of their bases."""
    weights = np.sqrt(bases)
    sides = np.zeros(len(bases), np.int64)
    giants = bases > GIANT * bases.sum()
    got = np.array([weights[giants].sum(), 0.0, 0.0])
    rest = rng.permutation(np.flatnonzero(~giants))
    for member in rest[np.argsort(-np.round(np.log2(bases[rest])), kind="stable")]:
        lacks = np.array(SHARES) - got / weights.sum()
        side = int(np.argmax(lacks / np.array(SHARES)))
        sides[member] = side
        got[side] += weights[member]
    return sides


def find_groups(genomes: Genomes) -> NDArray[np.int64]:
    """Number the groups of relatives.

    Parameters
    ----------
    genomes : Genomes
        All records.

    Returns
    -------
    numpy.ndarray, shape (records,), int64
        From 0, in the order of their first records.
    """
    parents = np.arange(len(genomes))
    first_of_name: dict[str, int] = {}
    for record, names in enumerate(genomes.names):
        for name in names:
            _join(parents, record, first_of_name.setdefault(name, record))
    found = [_linking(genomes.sequence(record)) for record in range(len(genomes))]
    conserved = [kmers for kmers, names in zip(found, genomes.names, strict=True) if RIBOSOMAL in names]
    known = distinct(np.concatenate(conserved)) if conserved else np.empty(0, np.uint64)
    for left, right in _relatives([kmers[~_among(kmers, known)] for kmers in found]):
        _join(parents, left, right)
    roots = np.array([_root(parents, record) for record in range(len(genomes))])
    _, firsts, numbers = np.unique(roots, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(firsts))[numbers]


def _root(parents: NDArray[np.int64], record: int) -> int:
    while parents[record] != record:
        parents[record] = parents[parents[record]]
        record = int(parents[record])
    return record


def _join(parents: NDArray[np.int64], left: int, right: int) -> None:
    first, second = sorted((_root(parents, left), _root(parents, right)))
    parents[second] = first


def _linking(sequence: NDArray[np.uint8]) -> NDArray[np.uint64]:
    kmers = distinct(sampled(canonical_kmers(sequence), ONE_IN))
    return kmers[is_varied(kmers)]


def _among(kmers: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each 25-mer is one of the known ones, which ascend."""
    if not len(known):
        return np.zeros(len(kmers), np.bool_)
    places = np.minimum(np.searchsorted(known, kmers), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == kmers
    return found


def _relatives(found: Sequence[NDArray[np.uint64]]) -> Iterable[tuple[int, int]]:
    """Pairs of records that share enough sampled 25-mers."""
    sizes = np.array([len(kmers) for kmers in found])
    kmers = np.concatenate(found)
    order = np.argsort(kmers, kind="stable")
    owners = np.repeat(np.arange(len(sizes)), sizes)[order]
    edges = np.flatnonzero(np.concatenate(([True], kmers[order][1:] != kmers[order][:-1], [True])))
    counts = np.diff(edges)
    codes = []
    for count in np.unique(counts[counts > 1]).tolist():
        owned = owners[edges[:-1][counts == count][:, None] + np.arange(count)]
        left, right = np.triu_indices(count, 1)
        codes.append((owned[:, left] * len(sizes) + owned[:, right]).ravel())
    if not codes:
        return []
    ordered = np.sort(np.concatenate(codes))
    firsts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    pairs, shared = ordered[firsts], np.diff(np.append(firsts, len(ordered)))
    left, right = np.divmod(pairs, len(sizes))
    smaller = np.minimum(sizes[left], sizes[right])
    related = (shared >= MANY_SHARED) | ((shared >= FEW_SHARED) & (shared >= FEW_SHARE * smaller))
    return zip(left[related].tolist(), right[related].tolist(), strict=True)


def mask_shared(genomes: Genomes, split: Split) -> dict[str, float]:
    """Write N over what validation shares with training, and over what test shares with either.

    Parameters
    ----------
    genomes : Genomes
        All records; their bases are changed in place.
    split : Split
        Their sides.

    Returns
    -------
    dict of str to float
        Share of the bases masked on each of the two sides.
    """
    masked = {}
    seen = np.empty(0, np.uint64)
    for before, side in pairwise(range(len(SIDES))):
        seen = distinct(np.concatenate([seen, *_kmers_of(genomes, split, before)]))
        records = np.flatnonzero(split.sides == side)
        hidden = sum(_mask(genomes.sequence(record), seen) for record in records.tolist())
        masked[SIDES[side]] = hidden / max(int(genomes.lengths[records].sum()), 1)
    return masked


def _kmers_of(genomes: Genomes, split: Split, side: int) -> list[NDArray[np.uint64]]:
    records = np.flatnonzero(split.sides == side).tolist()
    return [distinct(canonical_kmers(genomes.sequence(record))) for record in records]


def _mask(sequence: NDArray[np.uint8], seen: NDArray[np.uint64]) -> int:
    """Mask every base of a 25-mer that was seen; returns how many."""
    places = np.arange(len(sequence) - K + 1)
    unknown = np.concatenate(([0], np.cumsum(~np.isin(sequence, np.frombuffer(b"ACGT", np.uint8)))))
    whole = unknown[K:] == unknown[:-K]
    known = places[whole][_among(canonical_kmers(sequence), seen)]
    cover = np.zeros(len(sequence) + 1, np.int64)
    np.add.at(cover, known, 1)
    np.add.at(cover, known + K, -1)
    covered = np.cumsum(cover[:-1]) > 0
    sequence[covered] = ord("N")
    return int(covered.sum())


def shared_kmers(genomes: Genomes, split: Split) -> dict[str, float]:
    """Count the 25-mers that lie on two sides: all of them, both strands.

    Parameters
    ----------
    genomes : Genomes
        All records.
    split : Split
        Their sides.

    Returns
    -------
    dict of str to float
        For each pair of sides, shared 25-mers as a share of those of the side that has fewer.
    """
    kmers = [distinct(np.concatenate(_kmers_of(genomes, split, side))) for side in range(len(SIDES))]
    shares = {}
    for left, right in ((0, 1), (0, 2), (1, 2)):
        common = int(_among(kmers[right], kmers[left]).sum())
        shares[f"{SIDES[left]}/{SIDES[right]}"] = common / max(min(len(kmers[left]), len(kmers[right])), 1)
    return shares
