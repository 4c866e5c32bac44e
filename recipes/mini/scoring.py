"""Scores of windows by a network, and the figures that say how good they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.mini.backend import Backend
from recipes.mini.data import CLASSES
from recipes.mini.windows import Evaluation
from virnucpro.models.mini import Mini

__all__ = ["COMPARISONS", "auroc", "bootstrap", "recall_at", "score_windows"]

COMPARISONS = {
    "phages against prokaryotes": ((0,), (2, 3)),
    "eukaryotic viruses against eukaryotes and bacteria": ((1,), (2, 6)),
    "eukaryotic viruses against eukaryotes": ((1,), (6,)),
    "viruses against all hosts": ((0, 1), (2, 3, 4, 5, 6)),
}
CHUNK_BP = {"cpu": 64_000, "cuda": 1_500_000}
"""Bases that are scored at once."""


def score_windows(
    net: Mini, codes: NDArray[np.uint8], lengths: NDArray[np.int64], backend: Backend | None = None
) -> NDArray[np.float32]:
    """Logits of windows, shape (windows, classes); fast and in bfloat16 where there is a backend."""
    size = max(CHUNK_BP[backend.device.type if backend else "cpu"] // codes.shape[1], 1)
    blocks = backend.blocks(net) if backend else None
    found = []
    with torch.inference_mode():
        for start in range(0, len(codes), size):
            part = torch.from_numpy(codes[start : start + size]), torch.from_numpy(lengths[start : start + size])
            if backend and blocks:
                looked_up = blocks.look_up(*(tensor.to(backend.device) for tensor in part))
                features = net.pool(*blocks(looked_up), torch.bfloat16)  # type: ignore[arg-type]
            else:
                features = net(*part)
            found.append(net.head(features).cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, len(CLASSES)), np.float32)


def viral_scores(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log odds of the viral classes."""
    rows = torch.from_numpy(logits).double()
    return (rows[:, :2].logsumexp(1) - rows[:, 2:].logsumexp(1)).numpy()


def auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve; ties count half."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / (2 * len(negative)))


def recall_at(positive: NDArray[np.float64], negative: NDArray[np.float64], rate: float) -> float:
    """Share of positives above the threshold that this share of negatives reaches."""
    if not len(positive) or not len(negative):
        return float("nan")
    return float((positive > np.quantile(negative, 1 - rate, method="higher")).mean())


def chosen(windows: Evaluation, comparison: str, genes: bool = False) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a comparison's positives and negatives."""
    sides = COMPARISONS[comparison]
    return tuple(np.flatnonzero(np.isin(windows.classes, side) & (windows.genes == genes)) for side in sides)  # type: ignore[return-value]


def bootstrap(
    figure: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    scores: NDArray[np.float64],
    groups: NDArray[np.int64],
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    draws: int = 300,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A figure, and the interval that holds 95 % of it when genomes (or groups of relatives) are drawn again."""
    rng = np.random.default_rng(seed)
    by_group = []
    for side in rows:
        _, inverse = np.unique(groups[side], return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        by_group.append(np.split(side[order], np.cumsum(np.bincount(inverse))[:-1]) if len(side) else [])
    found = []
    for _ in range(draws):
        picked = [np.concatenate([part[i] for i in rng.integers(len(part), size=len(part))]) for part in by_group]
        found.append(figure(scores[picked[0]], scores[picked[1]]))
    low, high = np.quantile(found, (0.025, 0.975))
    return figure(scores[rows[0]], scores[rows[1]]), float(low), float(high)
