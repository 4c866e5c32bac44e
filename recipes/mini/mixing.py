"""One perceptron that weighs what the trained one says of both halves, and of each alone.

What both halves say together, less a share of what the DNA half says alone, carries further to families that were never
seen than the former by itself: base composition is learned fastest and is the first to mislead. Three perceptrons that
share an output layer are one with three times the hidden units, so the file that ships is of the usual kind.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro.models.classifier import MLP

__all__ = ["HALVES", "absent_columns", "fit_logistic", "mixed"]

HALVES = ("both", "dna", "protein")
"""What a row may hold: both embeddings, or one and zeros in place of the other."""

_NO_WEIGHTS = 1e-9


def absent_columns(dna_width: int, protein_width: int) -> dict[str, slice]:
    """Say which numbers of a row are zeros where it holds just one half; by `HALVES`."""
    dna, protein = slice(0, dna_width), slice(dna_width, dna_width + protein_width)
    return {"both": slice(0, 0), "dna": protein, "protein": dna}


def mixed(trained: MLP, weights: NDArray[np.float64], dna_width: int, protein_width: int) -> MLP:
    """Build the perceptron whose log odds are a weighted sum of the trained one's.

    Parameters
    ----------
    trained : MLP
        Of rows of DNA, protein and lengths.
    weights : numpy.ndarray, shape (3,), float64
        Of its log odds with both halves, with DNA alone, with protein alone.
    dna_width, protein_width : int
        Numbers of each half in a row.

    Returns
    -------
    MLP
        In evaluation mode, with a hidden unit for each of these and each of the trained one's.
    """
    width, hidden = trained.hidden_layer.in_features, trained.hidden_layer.out_features
    made = MLP(width, len(HALVES) * hidden).eval()
    absent = absent_columns(dna_width, protein_width)
    with torch.no_grad():
        for name, tensor in made.state_dict().items():
            source = trained.state_dict()[name]
            if name == "output_layer.weight":
                tensor.copy_(torch.cat([source * float(weight) for weight in weights], dim=1))
            elif name == "output_layer.bias":
                tensor.copy_(source * float(weights.sum()))
            elif tensor.dim():
                tensor.copy_(torch.cat([source] * len(HALVES)))
        for number, half in enumerate(HALVES):
            made.hidden_layer.weight[number * hidden : (number + 1) * hidden, absent[half]] = 0
    return made


def fit_logistic(
    inputs: NDArray[np.float64], viral: NDArray[np.bool_], sample_weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a logistic curve by Newton's method.

    Parameters
    ----------
    inputs : numpy.ndarray, shape (n, k), float64
        Numbers of each sequence.
    viral : numpy.ndarray, shape (n,), bool
        Labels.
    sample_weights : numpy.ndarray, shape (n,), float64
        How much each sequence counts.

    Returns
    -------
    numpy.ndarray, shape (k + 1,), float64
        A weight for each number, then the intercept.
    """
    design = np.column_stack((inputs, np.ones(len(inputs))))
    fitted = np.zeros(design.shape[1])
    fitted[0] = 0.5
    for _ in range(50):
        probabilities = np.exp(-np.logaddexp(0, -(design @ fitted)))
        gradient = design.T @ (sample_weights * (probabilities - viral)) + _NO_WEIGHTS * fitted
        curvature = design.T @ (design * (sample_weights * probabilities * (1 - probabilities))[:, None])
        step = np.linalg.solve(curvature + _NO_WEIGHTS * np.eye(len(fitted)), gradient)
        fitted = fitted - step * min(1.0, 2 / max(np.abs(step).max(), 1e-300))
    return fitted
