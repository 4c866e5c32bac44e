"""Windows with scores, row by row, as `predict` computes them."""

import numpy as np

from virnucpro.scoring.windows import ScoredWindows
from virnucpro.sequences.windows import Windows, WindowStatus


def scored_windows(*windows):
    """Put windows of (record row, start, end, rows, status) behind each other; the last two may be left out.

    A row is a viral score, or (viral score, log-odds).
    """
    full = [(*window, *((), WindowStatus.SCORED)[len(window) - 3 :]) for window in windows]
    records, starts, ends = (np.array([window[column] for window in full], np.int64) for column in range(3))
    numbers = np.array([1 + sum(earlier[0] == window[0] for earlier in full[:i]) for i, window in enumerate(full)])
    rows = [
        (n, k, row if isinstance(row, tuple) else (row, np.nan))
        for n, w in enumerate(full)
        for k, row in enumerate(w[3])
    ]
    viral = np.array([row[0] for _, _, row in rows], np.float32)
    return ScoredWindows(
        Windows(records, numbers.astype(np.int64), starts, ends),
        np.array([window[4] for window in full], np.uint8),
        np.array([n for n, _, _ in rows], np.int64),
        np.array([k for _, k, _ in rows], np.uint8),
        np.stack((1 - viral, viral), axis=1).reshape(-1, 2),
        np.array([row[1] for _, _, row in rows], np.float64),
        np.empty((len(rows), 0), np.float32),
    )
