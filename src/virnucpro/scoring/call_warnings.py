"""What a reader of a call should know before relying on it: a small closed set of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.calls import VIRAL, Calls
from virnucpro.scoring.regions import PROVIRUS, Regions
from virnucpro.scoring.windows import ScoredWindows, WindowScores

__all__ = ["AMBIGUOUS_LETTERS", "AMBIGUOUS_SHARE", "WARNINGS", "warn_of"]

SHORT_BP: Final = 500
AMBIGUOUS_LETTERS: Final = "ambiguous_letters"
AMBIGUOUS_SHARE: Final = 0.1
"""Scattered over viral segments of 3 kb, so many N cost `mini` 9 of 73 viral calls, half as many 1."""
NEAR_LOG_ODDS: Final = float(np.log(2))
NEAR_SCORE: Final = 0.05
MIXED_WINDOWS: Final = 4
MIXED_SHARE: Final = 0.25

WARNINGS: Final = {
    "short": f"shorter than {SHORT_BP} bp: accuracy falls steeply below that length",
    AMBIGUOUS_LETTERS: f"at least {AMBIGUOUS_SHARE:.0%} of the letters are not A, C, G, T or U: a virus may be missed",
    "partly_scored": "some windows have no score",
    "near_threshold": f"within a factor of two of the threshold, as odds (without a calibration: within {NEAR_SCORE})",
    "mixed_windows": f"at least {MIXED_WINDOWS} windows have scores, and a quarter of them or more speak against the "
    "call",
    "class_disagrees": "called viral with a non-viral best_class, or the other way round",
    "has_provirus": "a part of a non-viral record is viral, see regions.tsv",
}
"""Every word with its meaning, in the order in which a row lists them."""


def warn_of(
    calls: Calls, scored: ScoredWindows, windows: WindowScores, regions: Regions, viral_classes: Sequence[bool],
    ambiguous: NDArray[np.int64],
) -> list[str | None]:  # fmt: skip
    """Words for each record, joined by semicolons; None where there are none. `ambiguous` counts letters by record."""
    found = np.column_stack((
        (calls.lengths_bp > 0) & (calls.lengths_bp < SHORT_BP),
        (calls.lengths_bp > 0) & (ambiguous >= AMBIGUOUS_SHARE * calls.lengths_bp),
        (calls.n_scored > 0) & (calls.n_scored < calls.n_windows),
        np.abs(calls.margin) < np.where(np.isnan(calls.fdr), NEAR_SCORE, NEAR_LOG_ODDS),
        _mixed(calls, scored, windows),
        _disagree(calls, viral_classes),
        np.isin(np.arange(len(calls)), regions.record_rows[regions.kind == PROVIRUS]),
    ))  # fmt: skip
    kinds, place = np.unique(found @ (1 << np.arange(len(WARNINGS))), return_inverse=True)
    texts = [";".join(word for bit, word in enumerate(WARNINGS) if kind >> bit & 1) or None for kind in kinds.tolist()]
    return [texts[kind] for kind in place.tolist()]


def _mixed(calls: Calls, scored: ScoredWindows, windows: WindowScores) -> NDArray[np.bool_]:
    """Records of which many windows speak against the call."""
    viral = np.bincount(scored.windows.record_rows[windows.is_viral], minlength=len(calls))
    against = np.where(calls.call == VIRAL, calls.n_scored - viral, viral)
    mixed: NDArray[np.bool_] = (calls.n_scored >= MIXED_WINDOWS) & (against >= MIXED_SHARE * calls.n_scored)
    return mixed


def _disagree(calls: Calls, viral_classes: Sequence[bool]) -> NDArray[np.bool_]:
    """Records whose most probable class is not of the side that they are called for."""
    if not viral_classes:
        return np.zeros(len(calls), np.bool_)
    best = np.array(viral_classes)[calls.classes.argmax(axis=1)]
    disagree: NDArray[np.bool_] = (calls.n_scored > 0) & (best != (calls.call == VIRAL))
    return disagree
