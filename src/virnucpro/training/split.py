"""Which rows are learnt from and which are measured on.

Windows of one genome overlap, and its six frames are the same bases: with some of them on each side, a classifier is
asked what it was told. So whole records are set aside. VirNucPro's own split, by row, is there for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError

__all__ = ["SPLITS", "Split", "SplitKind", "split_by_record", "split_rows"]

SplitKind = Literal["record", "random"]
SPLITS: Final[tuple[SplitKind, ...]] = ("record", "random")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows on either side; every row is on exactly one."""

    train: NDArray[np.int64]  # (rows of that side,) Row numbers, ascending
    test: NDArray[np.int64]  # (rows of that side,) Row numbers, ascending

    @classmethod
    def of(cls, is_test: NDArray[np.bool_], labels: NDArray[np.int64]) -> Split:
        """Split by a mask."""
        split = cls(np.flatnonzero(~is_test), np.flatnonzero(is_test))
        for name, rows in (("training", split.train), ("test", split.test)):
            found = np.unique(labels[rows])
            if len(found) < 2:
                raise ConfigError(f"the {name} side would have rows of {len(found)} of 2 classes; give more data")
        return split


def split_by_record(labels: NDArray[np.int64], records: NDArray[np.int64], test_share: float, seed: int) -> Split:
    """Set whole source records aside, in each class until they hold the share of its rows."""
    generator = np.random.default_rng(seed)
    in_class = [np.unique(records[labels == label]) for label in (0, 1)]
    if shared := len(np.intersect1d(in_class[0], in_class[1])):
        raise ConfigError(f"{shared} records have rows in both classes; they cannot be set aside for one")
    chosen = []
    for name, label in (("host", 0), ("viral", 1)):
        candidates = generator.permutation(in_class[label])
        if len(candidates) < 2:
            raise ConfigError(f"{len(candidates)} {name} record: a split by record needs two of each class at least")
        sizes = np.bincount(records, minlength=records.max() + 1)[candidates]
        enough = int(np.searchsorted(np.cumsum(sizes), test_share * sizes.sum())) + 1
        chosen.append(candidates[: min(enough, len(candidates) - 1)])
    return Split.of(np.isin(records, np.concatenate(chosen)), labels)


def split_rows(labels: NDArray[np.int64], test_share: float, seed: int) -> Split:
    """Set rows aside wherever they come from, as VirNucPro does: figures measured so are too good."""
    is_test = np.zeros(len(labels), bool)
    is_test[np.random.default_rng(seed).permutation(len(labels))[: int(len(labels) * test_share)]] = True
    return Split.of(is_test, labels)
