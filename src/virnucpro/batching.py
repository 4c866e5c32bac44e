"""Which sequences share a batch: planned from lengths alone, before anything runs.

Packed encoders have no padding, so a batch is limited by its number of tokens. Sorting by length, longest first, puts
equal lengths side by side, so that attention can process them as one group, and runs the largest batch first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError

__all__ = ["get_batch_indices", "plan_batches"]

SPECIAL_TOKENS = 2
"""<cls> before and <eos> after every protein."""


def plan_batches(token_counts: Sequence[int] | NDArray[np.int64], max_tokens: int) -> list[NDArray[np.int64]]:
    """Assign every sequence to a batch: longest first, equal lengths in input order."""
    if max_tokens < 1:
        raise ConfigError(f"a batch needs a budget of at least 1 token, not {max_tokens}")
    counts = np.asarray(token_counts, np.int64)
    order = np.argsort(-counts, kind="stable")
    ends = np.cumsum(counts[order])
    batches, start = [], 0
    while start < len(order):
        used = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, used + max_tokens, side="right")), start + 1)
        batches.append(order[start:stop])
        start = stop
    return batches


def get_batch_indices(sequence_lengths: Sequence[int], toks_per_batch: int = 2048) -> list[list[int]]:
    """Plan batches of proteins by their lengths.

    Parameters
    ----------
    sequence_lengths : sequence of int
        Residues of each protein.
    toks_per_batch : int, default: 2048
        Token budget of one batch: residues plus two per protein. A protein over the budget gets a batch of its own.

    Returns
    -------
    list of list of int
        Indices, each exactly once, longest first; the same for the same lengths.

    Raises
    ------
    ConfigError
        If the budget is not positive.

    Examples
    --------
    >>> get_batch_indices([10, 30, 20], toks_per_batch=54)
    [[1, 2], [0]]
    """
    tokens = [length + SPECIAL_TOKENS for length in sequence_lengths]
    return [batch.tolist() for batch in plan_batches(tokens, toks_per_batch)]
