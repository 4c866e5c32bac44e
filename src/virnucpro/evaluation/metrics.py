"""Point metrics, curves and calibration bins of scored sequences, by scikit-learn.

A ratio with denominator zero is 0. Labels are 0 (non-viral) and 1 (viral).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

__all__ = [
    "FALSE_POSITIVE_RATES", "METRICS", "THRESHOLD", "Bin", "Confusion", "Curve", "bin_of", "calibration_error",
    "confusion_of", "measure", "precision_recall_of", "reliability", "roc_of", "tpr_at",
]  # fmt: skip

METRICS: Final = (
    "accuracy", "precision", "recall", "f1", "auroc", "auprc", "mcc", "tpr_at_1_percent_fpr", "tpr_at_5_percent_fpr",
    "log_loss",
)  # fmt: skip
FALSE_POSITIVE_RATES: Final = {"tpr_at_1_percent_fpr": 0.01, "tpr_at_5_percent_fpr": 0.05}
THRESHOLD: Final = 0.5
"""A sequence is called viral from this score on, as in the original VirNucPro."""

Labels = NDArray[np.int64]
Scores = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Sequences by label and call."""

    true_viral: int  # viral, called viral
    false_viral: int  # non-viral, called viral
    true_non_viral: int  # non-viral, called non-viral
    false_non_viral: int  # viral, called non-viral


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve to draw."""

    x: NDArray[np.float64]  # (points,)
    y: NDArray[np.float64]  # (points,)


@dataclass(frozen=True, slots=True)
class Bin:
    """Sequences whose scores fall into one interval."""

    low: float  # inclusive
    high: float  # exclusive, except in the last bin
    rows: int
    mean_score: float | None  # None for an empty bin
    viral_share: float | None  # None for an empty bin


def measure(labels: Labels, scores: Scores, called: Mask | None = None) -> dict[str, float]:
    """Compute all of `METRICS`; `called` replaces the calls at `THRESHOLD`."""
    calls = scores >= THRESHOLD if called is None else called
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, calls, average="binary", zero_division=0)
    probabilities = scores.astype(np.float64)
    figures = {
        "accuracy": sk.accuracy_score(labels, calls),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auroc": sk.roc_auc_score(labels, scores),
        "auprc": sk.average_precision_score(labels, scores),
        "mcc": sk.matthews_corrcoef(labels, calls),
        **{name: tpr_at(labels, scores, rate) for name, rate in FALSE_POSITIVE_RATES.items()},
        "log_loss": sk.log_loss(labels, probabilities),
    }
    return {name: float(value) for name, value in figures.items()}


def tpr_at(labels: Labels, scores: Scores, false_positive_rate: float) -> float:
    """Highest true positive rate at thresholds within a false positive rate."""
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    return float(tpr[fpr <= false_positive_rate * (1 + 1e-9)].max())


def confusion_of(labels: Labels, called: Mask) -> Confusion:
    """Count sequences by label and call."""
    (true_non_viral, false_viral), (false_non_viral, true_viral) = sk.confusion_matrix(labels, called, labels=[0, 1])
    return Confusion(int(true_viral), int(false_viral), int(true_non_viral), int(false_non_viral))


def roc_of(labels: Labels, scores: Scores) -> Curve:
    """True positive rate over false positive rate."""
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    return Curve(fpr, tpr)


def precision_recall_of(labels: Labels, scores: Scores) -> Curve:
    """Precision over recall, from the highest score down."""
    precision, recall, _ = sk.precision_recall_curve(labels, scores)
    precision[-1] = precision[-2]  # scikit-learn always ends at precision 1
    return Curve(recall[::-1], precision[::-1])


def bin_of(scores: Scores, bins: int = 10) -> NDArray[np.int64]:
    """Which of equally wide bins each score falls into."""
    return np.minimum((scores.astype(np.float64) * bins).astype(np.int64), bins - 1)


def calibration_error(
    labels: Labels, scores: Scores, weights: NDArray[np.float64] | None = None, bins: int = 10
) -> float:
    """Expected calibration error: mean distance of score and viral share over bins, weighted by their sequences.

    It has no bootstrap interval: noise only increases it, so draws are worse than the data.
    """
    kept = np.ones(len(labels)) if weights is None else weights
    distances = np.bincount(bin_of(scores, bins), kept * (scores - labels), bins)
    return float(np.abs(distances).sum() / kept.sum())


def reliability(labels: Labels, scores: Scores, bins: int = 10) -> list[Bin]:
    """Mean score and viral share of equally wide score bins."""
    place = bin_of(scores, bins)
    rows, viral = np.bincount(place, minlength=bins), np.bincount(place, labels, bins)
    sums = np.bincount(place, scores.astype(np.float64), bins)
    return [
        Bin(i / bins, (i + 1) / bins, int(n), float(sums[i] / n) if n else None, float(viral[i] / n) if n else None)
        for i, n in enumerate(rows)
    ]
