"""Windows for training and for evaluation, cut from the array of all bases without a loop over windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.mini.data import CLASSES, VIRAL, Records
from recipes.mini.evolution import evolve
from recipes.mini.kmers import canonical_kmers, distinct, sampled
from recipes.mini.split import SIDES, Split, kmer_rows

__all__ = [
    "CLASS_SHARES", "PROKARYOTES", "TILE_BP", "Evaluation", "HostScan", "Sampler", "Units",
    "evaluation_windows",
]  # fmt: skip

CLASS_SHARES = (0.26, 0.22, 0.21, 0.07, 0.07, 0.04, 0.13)
"""Share of training windows of each of `CLASSES`."""
GENE_SHARE = 0.4
"""Share of a class's windows that come from genes, where it has genes and genomes."""
FULL_SHARE = 0.5
"""A unit may be so much shorter than the window that is asked for; it is then taken whole."""

SHORTEST_BP, LONGEST_BP = 100, 3000
SHUFFLED_SHARE, REPEAT_SHARE = 0.03, 0.01
MUTATED_SHARE, MAX_MUTATED = 0.5, 0.02
UNKNOWN_SHARE = 0.06
MAX_HIDDEN = 0.25
"""Share of a host window that may lie in a likely provirus."""
TRAP_SHARE = 0.06
"""Share of the windows of prokaryotes that come from traps: host sequence that looks viral."""

PROKARYOTES = (CLASSES.index("bacteria"), CLASSES.index("archaea"))
TILE_BP = 3000
"""Bases of a trap."""


@dataclass(frozen=True, eq=False)
class HostScan:
    """What training should know of host genomes."""

    hidden: NDArray[np.bool_]  # (bases,) likely proviruses
    trap_starts: NDArray[np.int64]  # (traps,) where each lies among all bases; TILE_BP long
    trap_records: NDArray[np.int64]  # (traps,)


@dataclass(frozen=True, eq=False)
class Units:
    """Stretches that windows are cut from: a genome, a contig, or neighbouring genes joined.

    Attributes
    ----------
    starts, lengths : numpy.ndarray, shape (units,), int64
        Where each lies among all bases.
    records : numpy.ndarray, shape (units,), int64
        First record of each.
    weights : numpy.ndarray, shape (units,), float64
        Share of windows.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    records: NDArray[np.int64]
    weights: NDArray[np.float64]


def make_units(records: Records, groups: NDArray[np.int64], kept: NDArray[np.bool_]) -> Units:
    """Join neighbouring genes and weigh: by class, genes or genomes, group (root of its bases), then bases."""
    rows = np.flatnonzero(kept)
    new = np.ones(len(rows), bool)
    new[1:] = (records.units[rows[1:]] != records.units[rows[:-1]]) | (np.diff(rows) > 1)
    firsts = np.flatnonzero(new)
    lengths = np.add.reduceat(records.lengths[rows], firsts)
    first_rows = rows[firsts]
    kinds = records.classes[first_rows]
    weights = np.zeros(len(firsts))
    for kind, share in enumerate(CLASS_SHARES):
        present = [np.flatnonzero((kinds == kind) & (records.genes[first_rows] == genes)) for genes in (False, True)]
        shares = (1 - GENE_SHARE, GENE_SHARE) if all(len(part) for part in present) else (1.0, 1.0)
        for part, part_share in zip(present, shares, strict=True):
            if len(part):
                _, inverse = np.unique(groups[first_rows[part]], return_inverse=True)
                bases = np.bincount(inverse, lengths[part])
                by_unit = lengths[part] / np.sqrt(bases[inverse])
                weights[part] = share * part_share * by_unit / by_unit.sum()
    return Units(records.starts[first_rows], lengths, first_rows, weights)


class Sampler:
    """Batches of windows, each a function of the seed and its number alone.

    Parameters
    ----------
    records : Records
        All records.
    groups : numpy.ndarray, shape (records,), int64
        Relatives, which share their weight.
    kept : numpy.ndarray, shape (records,), bool
        Records to cut windows from.
    batch_bp : int
        Bases of a batch.
    seed : int
        Of all draws.
    scan : HostScan, optional
        Likely proviruses, which host windows avoid, and traps, which they seek.
    evolved : bool
        Replace some windows by made-up relatives.
    """

    def __init__(
        self,
        records: Records,
        groups: NDArray[np.int64],
        kept: NDArray[np.bool_],
        batch_bp: int,
        seed: int,
        scan: HostScan | None = None,
        evolved: bool = True,
    ) -> None:
        self.evolved = evolved
        self.records, self.seed, self.batch_bp, self.scan = records, seed, batch_bp, scan
        self.traps = np.flatnonzero(kept[scan.trap_records]) if scan else np.zeros(0, np.int64)
        self.units = make_units(records, groups, kept)
        self.codes = np.asarray(records.codes)
        self.lengths = np.geomspace(SHORTEST_BP, LONGEST_BP, 24).round().astype(np.int64)
        self.cumulative: list[NDArray[np.float64]] = []
        kinds = records.classes[self.units.records]
        for length in self.lengths:
            weights = np.where(self.units.lengths >= FULL_SHARE * length, self.units.weights, 0)
            for kind, share in enumerate(CLASS_SHARES):  # as many of each class at every length
                weights[kinds == kind] *= share / max(weights[kinds == kind].sum(), 1e-12)
            self.cumulative.append(np.cumsum(weights / weights.sum()))

    def batch(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
        """Codes (windows, bases), lengths, and the classes that each window's label leaves open."""
        rng = np.random.default_rng((self.seed, number))
        which = int(rng.integers(len(self.lengths)))
        length = int(self.lengths[which])
        count = max(self.batch_bp // length, 1)
        drawn = np.searchsorted(self.cumulative[which], rng.random(count * 5 // 4 + 1))
        unit = np.minimum(drawn, len(self.units.starts) - 1)
        starts, lengths = self._places(rng, unit, length)
        rows = self.units.records[unit]
        if self.scan is not None:
            hidden = self.scan.hidden[starts[:, None] + lengths[:, None] * np.arange(8) // 8].mean(1) > MAX_HIDDEN
            clean = ~(hidden & (self.records.classes[rows] >= VIRAL))
            starts, lengths, rows = starts[clean], lengths[clean], rows[clean]
            self._visit_traps(rng, starts, lengths, rows)
        starts, lengths, rows = starts[:count], lengths[:count], rows[:count]
        place = np.arange(length)
        codes = self.codes[np.minimum(starts[:, None] + place, len(self.codes) - 1)]
        allowed = self.records.allowed[rows].copy()
        codes[place >= lengths[:, None]] = 4
        if self.evolved:
            evolve(rng, codes, lengths)
        _disturb(rng, codes, lengths, allowed)
        codes[place >= lengths[:, None]] = 4
        return codes, lengths, allowed

    def _places(
        self, rng: np.random.Generator, unit: NDArray[np.int64], length: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        lengths = np.minimum(self.units.lengths[unit], length)
        free = self.units.lengths[unit] - lengths + 1
        return self.units.starts[unit] + (rng.random(len(unit)) * free).astype(np.int64), lengths

    def _visit_traps(
        self, rng: np.random.Generator, starts: NDArray[np.int64], lengths: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        """Move some of the prokaryotic windows into traps."""
        prokaryotic = np.isin(self.records.classes[rows], PROKARYOTES)
        moved = np.flatnonzero(prokaryotic & (rng.random(len(rows)) < TRAP_SHARE))
        if not self.scan or not len(self.traps) or not len(moved):
            return
        trap = rng.choice(self.traps, len(moved))
        free = TILE_BP - lengths[moved] + 1
        starts[moved] = self.scan.trap_starts[trap] + (rng.random(len(moved)) * free).astype(np.int64)
        rows[moved] = self.scan.trap_records[trap]


def _disturb(
    rng: np.random.Generator, codes: NDArray[np.uint8], lengths: NDArray[np.int64], allowed: NDArray[np.bool_]
) -> None:
    """Errors, unknown bases, and windows of no organism: shuffled ones and repeats, which are not viral."""
    count, length = codes.shape
    fate = rng.random((count,))
    for row in np.flatnonzero(fate < SHUFFLED_SHARE + REPEAT_SHARE):
        here = codes[row, : lengths[row]]
        if fate[row] < SHUFFLED_SHARE:  # permuted by single bases or by twos
            size = int(rng.integers(1, 3))
            whole = len(here) // size * size
            here[:whole] = rng.permutation(here[:whole].reshape(-1, size)).ravel()
        else:
            motif = rng.choice(4, int(rng.integers(1, 25)), p=rng.dirichlet(np.ones(4)))
            here[:] = np.resize(motif, len(here))
        allowed[row] = np.arange(len(CLASSES)) >= VIRAL
    rates = np.where(rng.random(count) < MUTATED_SHARE, rng.random(count) * MAX_MUTATED, 0).astype(np.float32)
    changed = rng.random((count, length), dtype=np.float32) < rates[:, None]
    codes[changed] = rng.integers(0, 4, int(changed.sum()), dtype=np.uint8)
    for row in np.flatnonzero(rng.random(count) < UNKNOWN_SHARE):
        if rng.random() < 0.5:
            run = int(rng.integers(1, max(length // 5, 2)))
            start = int(rng.integers(0, length - run))
            codes[row, start : start + run] = 4
        else:
            codes[row, rng.random(length) < 0.05 * rng.random()] = 4


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Windows of one length and side.

    Attributes
    ----------
    codes : numpy.ndarray, shape (windows, bases), uint8
        The windows.
    classes, groups : numpy.ndarray, shape (windows,), int64
        Of the records that they come from; groups are genomes for record sides.
    genes : numpy.ndarray, shape (windows,), bool
        From coding sequence alone.
    starts : numpy.ndarray, shape (windows,), int64
        Where each lies among all bases.
    """

    codes: NDArray[np.uint8]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]
    genes: NDArray[np.bool_]
    starts: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bases of each window."""
        return np.full(len(self.codes), self.codes.shape[1], np.int64)


def known_kmers(records: Records, split: Split, cache: Path) -> NDArray[np.uint64]:
    """A sample of the training side's 25-mers, sorted."""
    path = cache / f"known-{records.digest[:12]}.npy"
    if not path.exists():
        np.save(path, distinct(kmer_rows(records, np.flatnonzero(split.sides == 0), KNOWN_ONE_IN)[0]))
    return np.asarray(np.load(path, mmap_mode="r"))


KNOWN_ONE_IN = 8
MAX_KNOWN = {"family": 0.0, "record": 0.5}
"""Share of a window's 25-mers that training may hold."""


def evaluation_windows(
    records: Records, split: Split, side: int, length: int, per_class: int, known: NDArray[np.uint64], seed: int
) -> Evaluation:
    """Cut up to so many windows of each class from genomes, and half as many from genes, and drop what is known.

    Every group weighs as the root of its bases; no two windows of a record overlap by chance more than they must.
    """
    rng = np.random.default_rng((seed, side, length))
    relatives = split.groups if "family" in SIDES[side] or side == 0 else split.genomes
    open_labels = records.allowed.sum(1)
    starts, rows = [], []
    for kind in range(len(CLASSES)):
        for genes, wanted in ((False, per_class), (True, per_class // 2)):
            usable = (records.classes == kind) & (records.genes == genes) & (open_labels == 1) & (split.sides == side)
            here = np.flatnonzero(usable & (records.lengths >= length))
            if not len(here):
                continue
            _, inverse = np.unique(relatives[here], return_inverse=True)
            weights = records.lengths[here] / np.sqrt(np.bincount(inverse, records.lengths[here]))[inverse]
            drawn = rng.choice(here, min(wanted, int(records.lengths[here].sum() // length)), p=weights / weights.sum())
            free = records.lengths[drawn] - length + 1
            starts.append(records.starts[drawn] + (rng.random(len(drawn)) * free).astype(np.int64))
            rows.append(drawn)
    start, row = np.concatenate(starts), np.concatenate(rows)
    codes = np.asarray(records.codes)[start[:, None] + np.arange(length)]
    kept = (codes == 4).mean(1) < 0.1
    if side:
        limit = MAX_KNOWN[SIDES[side].split("-")[0]]
        for number, window in enumerate(codes):
            kmers = sampled(canonical_kmers(window), KNOWN_ONE_IN)
            found = known[np.minimum(np.searchsorted(known, kmers), len(known) - 1)] == kmers
            kept[number] &= found.mean() <= limit if len(kmers) else True
    row = row[kept]
    return Evaluation(codes[kept], records.classes[row], relatives[row], records.genes[row], start[kept])
