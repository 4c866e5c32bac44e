"""Split rows into training, test and calibration parts.

Windows of one genome overlap, and the six frames share the same bases. A split by row would put near copies of a row
into both parts and make every metric too good, so whole records are held out. The row split of the original VirNucPro
is available for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError, counted

__all__ = ["Split", "SplitKind", "split_by_record", "split_rows"]

SplitKind = Literal["record", "random"]

Rows = NDArray[np.int64]


def _none() -> Rows:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of each part, ascending; every row is in exactly one."""

    train: Rows
    test: Rows
    calibration: Rows = field(default_factory=_none)  # empty unless requested

    def parts(self) -> dict[str, Rows]:
        """Give the parts by name, without an empty calibration part."""
        parts = {"train": self.train, "test": self.test}
        return parts | ({"calibration": self.calibration} if len(self.calibration) else {})

    def require_both_classes(self, labels: NDArray[np.int64]) -> Split:
        """Refuse a part without viral or without non-viral rows."""
        for name, rows in self.parts().items():
            if len(np.unique(labels[rows])) < 2:
                raise ConfigError(f"the {name} part would have rows of one class only; give more data")
        return self


def split_by_record(
    labels: NDArray[np.int64], records: NDArray[np.int64], test_share: float, seed: int, calibration_share: float = 0.0
) -> Split:
    """Hold out whole records of each class until they contain the requested share of its rows."""
    generator = np.random.default_rng(seed)
    in_class = [np.unique(records[labels == label]) for label in (0, 1)]
    if shared := len(np.intersect1d(in_class[0], in_class[1])):
        raise ConfigError(f"{shared} record IDs are in both classes; a split by record needs IDs of one class each")
    parts = 3 if calibration_share else 2
    test, calibration = [], []
    for name, candidates in zip(("non-viral", "viral"), map(generator.permutation, in_class), strict=True):
        if len(candidates) < parts:
            found = counted(len(candidates), f"{name} record")
            raise ConfigError(f"{found} cannot be split by record; at least {parts} are needed")
        sizes = np.cumsum(np.bincount(records, minlength=records.max() + 1)[candidates])
        of_test = _enough(sizes, test_share * sizes[-1], len(candidates) - (parts - 1))
        test.append(candidates[:of_test])
        if calibration_share:
            wanted = sizes[of_test - 1] + calibration_share * sizes[-1]
            calibration.append(candidates[of_test : _enough(sizes, wanted, len(candidates) - 1)])
    is_test = np.isin(records, np.concatenate(test))
    is_calibration = np.isin(records, np.concatenate(calibration or [_none()]))
    rows = (np.flatnonzero(part) for part in (~(is_test | is_calibration), is_test, is_calibration))
    return Split(*rows).require_both_classes(labels)


def split_rows(labels: NDArray[np.int64], test_share: float, seed: int) -> Split:
    """Hold out single rows, as the original VirNucPro does; metrics of such a split are too good."""
    is_test = np.zeros(len(labels), bool)
    is_test[np.random.default_rng(seed).permutation(len(labels))[: int(len(labels) * test_share)]] = True
    return Split(np.flatnonzero(~is_test), np.flatnonzero(is_test)).require_both_classes(labels)


def _enough(sizes: NDArray[np.int64], wanted: float, at_most: int) -> int:
    """How many of the first records contain the wanted number of rows; `sizes` are cumulative."""
    return min(int(np.searchsorted(sizes, wanted)) + 1, at_most)
