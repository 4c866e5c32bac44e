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

    Examples
    --------
    >>> share(0.0), share(-800.0)
    (0.5, 0.0)
    """
    part = math.exp(-abs(log_odds))
    return (1 if log_odds >= 0 else part) / (1 + part)


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """One frame and its scores."""

    frame_index: int  # index into `FRAME_NAMES`
    other: np.float32  # the classifier's probabilities; they sum up to 1
    virus: np.float32  # the classifier's probabilities; they sum up to 1

    @property
    def is_virus(self) -> bool:
        """Whether the frame by itself is called a virus."""
        return bool(self.virus >= self.other)


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """One window, what became of it, and the scores of its frames."""

    record_number: int  # number of its record in the file, from 1
    number: int  # which of the record's windows, from 1
    start: int  # bases of the record, 0-based, half-open
    end: int  # bases of the record, 0-based, half-open
    outcome: Outcome  # what became of it
    frames: tuple[ScoredFrame, ...]  # its frames that have scores; empty when there is none
    # mean of its frames' log odds of viral against other; None where the classifier is not calibrated
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
    """A window whose score comes of a calibration."""

    evidence: float = 0.0  # calibrated log odds, for a share of viral input of one half
    shift: float = 0.0  # what another share adds
    called: bool = False  # whether a record that is just this window would be called a virus

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
    """Windows of one part with the scores of their frames, in columns."""

    record_numbers: NDArray[np.int64]  # (windows,) As in `ScoredWindow`
    numbers: NDArray[np.int64]  # (windows,) As in `ScoredWindow`
    starts: NDArray[np.int64]  # (windows,) As in `ScoredWindow`
    ends: NDArray[np.int64]  # (windows,) As in `ScoredWindow`
    outcomes: NDArray[np.uint8]  # (windows,) Values of `Outcome`
    window_rows: NDArray[np.int64]  # (frames,) Which window each scored frame belongs to, from 0; ascending
    frame_indices: NDArray[np.uint8]  # (frames,) Index into `FRAME_NAMES`
    scores: NDArray[np.float32]  # (frames, 2) Probability of other, probability of virus
    # (frames,) Of viral against other; None where the classifier is not calibrated
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
