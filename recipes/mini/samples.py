"""Sequences of one side for calibration and report: of every class as many, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.mini.genomes import CLASSES, VIRAL_CLASSES, Genomes
from recipes.mini.split import Split
from recipes.mini.windows import TRAINING_SHARES, Sampler

__all__ = ["Sample", "draw_sample"]


@dataclass(frozen=True, eq=False)
class Sample:
    """Sequences of one length.

    Attributes
    ----------
    sequences : list of bytes
        Nucleotides.
    groups, classes : numpy.ndarray, shape (n,), int64
        Group of relatives that each was cut from, and its class.
    weights : numpy.ndarray, shape (n,), float64
        How much each counts: classes by `TRAINING_SHARES`, half of all viral.
    """

    sequences: list[bytes]
    groups: NDArray[np.int64]
    classes: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def viral(self) -> NDArray[np.bool_]:
        """Label of each."""
        return self.classes < VIRAL_CLASSES

    @property
    def names(self) -> dict[int, str]:
        """The classes that are there, by number."""
        return {kind: CLASSES[kind] for kind in np.unique(self.classes).tolist()}


def draw_sample(genomes: Genomes, split: Split, side: int, length_bp: int, of_class: int) -> Sample:
    """Draw sequences without sequencing errors, always the same ones.

    Parameters
    ----------
    genomes : Genomes
        All records.
    split : Split
        Their sides.
    side : int
        Index into `SIDES`.
    length_bp : int
        Bases of each; shorter records are not drawn from.
    of_class : int
        How many of each class.

    Returns
    -------
    Sample
        Of all classes that have a record so long.
    """
    sequences: list[bytes] = []
    groups, classes, shares = [], [], np.zeros(len(CLASSES))
    for kind, name in enumerate(CLASSES):
        sampler = Sampler(genomes, split, side, {name: 1.0}, min_bp=length_bp)
        if sampler.weights.any():
            drawn = sampler.draw((side, length_bp, kind), np.full(of_class, length_bp), errors=False)
            sequences += drawn.sequences
            groups.append(split.groups[drawn.records])
            classes.append(np.full(of_class, kind))
            shares[kind] = TRAINING_SHARES[name]
    for kinds in (slice(0, VIRAL_CLASSES), slice(VIRAL_CLASSES, None)):
        shares[kinds] /= 2 * max(shares[kinds].sum(), 1e-9)
    kinds_of = np.concatenate(classes)
    return Sample(sequences, np.concatenate(groups), kinds_of, shares[kinds_of] / of_class)
