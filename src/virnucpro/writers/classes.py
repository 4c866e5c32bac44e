"""The most probable class of records, windows and regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_CLASS", "best_classes", "best_numbers"]

NO_CLASS: Final = -1


def best_numbers(classes: NDArray[np.floating]) -> NDArray[np.int64]:
    """Number of the most probable class in each row; `NO_CLASS` where there is none."""
    if not classes.shape[1]:
        return np.full(len(classes), NO_CLASS)
    best = classes.argmax(axis=1)
    return np.where(np.isnan(classes[np.arange(len(best)), best]), NO_CLASS, best)


def best_classes(classes: NDArray[np.floating], names: Sequence[str]) -> list[str | None]:
    """Name the most probable class in each row; None where there is none."""
    if not names:
        return [None] * len(classes)
    return [None if number == NO_CLASS else names[number] for number in best_numbers(classes).tolist()]
