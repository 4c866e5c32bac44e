"""Scores of frames, and what they make of a window.

A window is a virus when the best virus score among its frames is at least the best score of other [1]_. Its own score
is the first as a share of both: one half or more is a virus. Where the classifier is calibrated, a window's score comes
of the mean log odds of its rows instead, and it is called as a record of its length would be.

References
----------
.. [1] ``prediction.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.windows import Outcome

__all__ = ["CalibratedWindow", "PartScores", "ScoredFrame", "ScoredWindow", "share"]


def share(log_odds: float) -> float:
    """Turn log odds into a probability.

    Parameters
    ----------
    log_odds : float
        Of any size.

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> share(0.0), share(-800.0)
    (0.5, 0.0)
    """
    part = math.exp(-abs(log_odds))
    return (1 if log_odds >= 0 else part) / (1 + part)


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """One frame and its scores.

    Attributes
    ----------
    frame_index : int
        Index into `FRAME_NAMES`.
    other, virus : numpy.float32
        The classifier's probabilities; they sum up to 1.
    """

    frame_index: int
    other: np.float32
    virus: np.float32

    @property
    def is_virus(self) -> bool:
        """Whether the frame by itself is called a virus."""
        return bool(self.virus >= self.other)


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """One window, what became of it, and the scores of its frames.

    Attributes
    ----------
    record_number : int
        Number of its record in the file, from 1.
    number : int
        Which of the record's windows, from 1.
    start, end : int
        Bases of the record, 0-based, half-open.
    outcome : Outcome
        What became of it.
    frames : tuple of ScoredFrame
        Its frames that have scores; empty when there is none.
    log_odds : float or None
        Mean of its frames' log odds of viral against other; None where the classifier is not calibrated.
    """

    record_number: int
    number: int
    start: int
    end: int
    outcome: Outcome
    frames: tuple[ScoredFrame, ...]
    log_odds: float | None = None

    @property
    def is_virus(self) -> bool:
        """VirNucPro's call: the best virus score is at least the best score of other."""
        return bool(max(frame.virus for frame in self.frames) >= max(frame.other for frame in self.frames))

    @property
    def virus_score(self) -> float:
        """Best virus score as a share of both best scores: 0.5 or more is a virus."""
        virus = float(max(frame.virus for frame in self.frames))
        other = float(max(frame.other for frame in self.frames))
        return virus / (virus + other)


@dataclass(frozen=True, slots=True)
class CalibratedWindow(ScoredWindow):
    """A window whose score comes of a calibration.

    Attributes
    ----------
    evidence : float
        Calibrated log odds, for a share of viral input of one half.
    shift : float
        What another share adds.
    called : bool
        Whether a record that is just this window would be called a virus.
    """

    evidence: float = 0.0
    shift: float = 0.0
    called: bool = False

    @property
    def is_virus(self) -> bool:
        """By the rule for records."""
        return self.called

    @property
    def virus_score(self) -> float:
        """Probability of viral."""
        return share(self.evidence + self.shift)


@dataclass(frozen=True, eq=False)
class PartScores:
    """Windows of one part with the scores of their frames, in columns.

    Attributes
    ----------
    record_numbers, numbers, starts, ends : numpy.ndarray, shape (windows,), int64
        As in `ScoredWindow`.
    outcomes : numpy.ndarray, shape (windows,), uint8
        Values of `Outcome`.
    window_rows : numpy.ndarray, shape (frames,), int64
        Which window each scored frame belongs to, from 0; ascending.
    frame_indices : numpy.ndarray, shape (frames,), uint8
        Index into `FRAME_NAMES`.
    scores : numpy.ndarray, shape (frames, 2), float32
        Probability of other, probability of virus.
    log_odds : numpy.ndarray, shape (frames,), float64, or None
        Of viral against other; None where the classifier is not calibrated.
    """

    record_numbers: NDArray[np.int64]
    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    outcomes: NDArray[np.uint8]
    window_rows: NDArray[np.int64]
    frame_indices: NDArray[np.uint8]
    scores: NDArray[np.float32]
    log_odds: NDArray[np.float64] | None = None

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """All columns that there are by name, for a file."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: column for name, column in columns.items() if column is not None}

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[ScoredWindow]:
        borders = np.searchsorted(self.window_rows, np.arange(len(self) + 1))
        for row, (first, last) in enumerate(pairwise(borders)):
            frames = tuple(
                ScoredFrame(int(self.frame_indices[i]), self.scores[i, 0], self.scores[i, 1])
                for i in range(first, last)
            )
            yield ScoredWindow(
                int(self.record_numbers[row]),
                int(self.numbers[row]),
                int(self.starts[row]),
                int(self.ends[row]),
                Outcome(self.outcomes[row]),
                frames,
                None if self.log_odds is None or first == last else float(self.log_odds[first:last].mean()),
            )
