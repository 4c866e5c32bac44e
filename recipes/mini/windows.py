"""Windows drawn on the fly: a class, a group of relatives, a record, a place, a strand, a length, sequencing errors.

A draw depends on its seed and number alone, never on draws before it: a run that goes on from a checkpoint sees what
it would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.mini.genomes import CLASSES, VIRAL_CLASSES, Genomes
from recipes.mini.split import Split
from virnucpro.sequences.nucleotides import reverse_complement

__all__ = ["MAX_BP", "MIN_BP", "TRAINING_SHARES", "Drawn", "Sampler", "mixed_lengths"]

MIN_BP, MAX_BP = 100, 1000

TRAINING_SHARES = {
    "phage": 0.25, "eukaryotic virus": 0.25,
    "bacteria": 0.22, "eukaryote": 0.11, "plasmid": 0.06, "archaea": 0.06, "organelle": 0.05,
}  # fmt: skip
"""Half viral, half cellular."""

MAX_SUBSTITUTIONS = 0.02
INDEL_RATE = 0.002
SHARE_WITH_SUBSTITUTIONS, SHARE_WITH_INDELS = 0.6, 0.2
SHARE_WITH_SCATTERED_N, MAX_SCATTERED_N = 0.05, 0.1
SHARE_WITH_A_RUN_OF_N, MAX_RUN_OF_N = 0.05, 0.4
"""Windows with unknown letters, as in consensus sequences and in scaffolds, and the largest share of such letters."""
ATTEMPTS = 30
_ACGT = np.frombuffer(b"ACGT", np.uint8)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Some windows.

    Attributes
    ----------
    sequences : list of bytes
        Upper-case letters.
    records : numpy.ndarray, shape (windows,), int64
        Record of each.
    viral : numpy.ndarray, shape (windows,), bool
        Label of each.
    """

    sequences: list[bytes]
    records: NDArray[np.int64]
    viral: NDArray[np.bool_]


class Sampler:
    """Draws windows from one side.

    Parameters
    ----------
    genomes : Genomes
        All records.
    split : Split
        Their sides and groups.
    side : int
        Index into `SIDES`.
    shares : mapping of str to float
        How often each class is drawn; classes without a record give their share to the others of their label.
    min_bp : int, default: 0
        Bases that a record must have to be drawn from.
    """

    def __init__(self, genomes: Genomes, split: Split, side: int, shares: Mapping[str, float], min_bp: int = 0) -> None:
        self.genomes = genomes
        self.weights = np.zeros(len(genomes))
        labels: dict[bool, float] = {True: 0.0, False: 0.0}
        for kind, name in enumerate(CLASSES):
            here = (split.sides == side) & (genomes.classes == kind) & (genomes.lengths >= min_bp)
            members = np.flatnonzero(here)
            if len(members) and shares.get(name, 0):
                self.weights[members] = shares[name] * _fair(split.groups[members], genomes.lengths[members])
                labels[kind < VIRAL_CLASSES] += shares[name]
        whole = {label: sum(shares.get(CLASSES[kind], 0) for kind in kinds) for label, kinds in _KINDS_OF.items()}
        for label, kinds in _KINDS_OF.items():
            if labels[label]:
                self.weights[np.isin(genomes.classes, kinds)] *= whole[label] / labels[label]
        self.cumulative = np.cumsum(self.weights) / max(self.weights.sum(), 1e-300)

    def draw(self, key: tuple[int, ...], lengths_bp: NDArray[np.int64], *, errors: bool) -> Drawn:
        """Draw windows.

        Parameters
        ----------
        key : tuple of int
            Seed and number of the draw.
        lengths_bp : numpy.ndarray, shape (windows,), int64
            Bases of each; a shorter record is taken whole.
        errors : bool
            Whether to make sequencing errors and unknown letters. Without them, a window with a letter that is not A,
            C, G or T is drawn again; with them, one in which more than a tenth is not; thirty times at most.

        Returns
        -------
        Drawn
            The windows, in the order of the lengths.
        """
        rng = np.random.default_rng(key)
        records = np.minimum(
            np.searchsorted(self.cumulative, rng.random(len(lengths_bp)), "right"), len(self.weights) - 1
        )
        sequences = []
        for number, length in enumerate(lengths_bp.tolist()):
            records[number], piece = self._piece(rng, int(records[number]), length, 0.1 if errors else 0.0)
            letters = _with_unknown(_with_errors(piece, rng), rng) if errors else piece
            sequence = letters.tobytes()[:length]
            sequences.append(reverse_complement(sequence) if rng.random() < 0.5 else sequence)
        return Drawn(sequences, records, self.genomes.classes[records] < VIRAL_CLASSES)

    def _piece(
        self, rng: np.random.Generator, record: int, length: int, max_unknown: float
    ) -> tuple[int, NDArray[np.uint8]]:
        """Cut a piece; where masked or unknown letters are in the way, of another place or another record.

        When all attempts had too many of them, the one with the fewest is taken.
        """
        cut = []
        for attempt in range(ATTEMPTS):
            if attempt and attempt % 3 == 0:
                same = np.flatnonzero((self.genomes.classes == self.genomes.classes[record]) & (self.weights > 0))
                record = int(rng.choice(same, p=self.weights[same] / self.weights[same].sum()))
            sequence = self.genomes.sequence(record)
            start = int(rng.integers(max(len(sequence) - length, 0) + 1))
            piece = sequence[start : start + length]
            unknown = np.count_nonzero(~np.isin(piece, _ACGT)) / len(piece)
            cut.append((unknown, attempt, record, piece))
            if unknown <= max_unknown:
                break
        _, _, record, piece = min(cut, key=lambda one: one[:2])
        return record, piece


_KINDS_OF = {True: list(range(VIRAL_CLASSES)), False: list(range(VIRAL_CLASSES, len(CLASSES)))}


def _fair(groups: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights of records: groups by the square root of their bases, records in a group by their bases."""
    _, places = np.unique(groups, return_inverse=True)
    bases = np.bincount(places, weights=lengths)
    weights = lengths / np.sqrt(bases)[places]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _with_errors(piece: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    letters = piece.copy()
    rate = rng.random() * MAX_SUBSTITUTIONS if rng.random() < SHARE_WITH_SUBSTITUTIONS else 0.0
    wrong = np.flatnonzero(rng.random(len(letters)) < rate)
    letters[wrong] = _ACGT[rng.integers(4, size=len(wrong))]
    if rng.random() < SHARE_WITH_INDELS:
        copies = np.ones(len(letters), np.int64)
        places = np.flatnonzero(rng.random(len(letters)) < INDEL_RATE)
        copies[places] = rng.integers(2, size=len(places)) * 2
        letters = np.repeat(letters, copies)
    return letters


def _with_unknown(letters: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    if rng.random() < SHARE_WITH_SCATTERED_N:
        letters[rng.random(len(letters)) < rng.random() * MAX_SCATTERED_N] = ord("N")
    if rng.random() < SHARE_WITH_A_RUN_OF_N:
        start, length = rng.integers(len(letters)), int(rng.random() * MAX_RUN_OF_N * len(letters))
        letters[start : start + length] = ord("N")
    return letters


def mixed_lengths(rng: np.random.Generator, windows: int) -> NDArray[np.int64]:
    """Draw lengths from 100 to 1,000 bp, evenly in their logarithm, in four bands of as many windows each.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where chance comes from.
    windows : int
        How many; windows of a band have one length, so that they fit each other in a batch, and every batch has short
        and long ones, so that the classifier's batch norm sees them together.

    Returns
    -------
    numpy.ndarray, shape (windows,), int64
        Ascending.
    """
    bands = 4
    places = (np.arange(bands) + rng.random(bands)) / bands
    lengths = np.round(MIN_BP * (MAX_BP / MIN_BP) ** places).astype(np.int64)
    return np.sort(lengths[np.arange(windows) % bands])
