"""Which sequences share a batch: a pure plan over lengths, made before anything runs.

Packed encoders have no padding, so a batch is a budget of tokens. Longest first puts equal lengths side by side, where
attention can take them as one group, and meets the batch that needs the most memory first.
"""

from __future__ import annotations

from collections.abc import Sequence

from virnucpro.errors import ConfigError

__all__ = ["get_batch_indices", "plan_batches"]

SPECIAL_TOKENS = 2
"""<cls> in front and <eos> behind every protein."""


def plan_batches(token_counts: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Put every sequence into one batch."""
    if max_tokens < 1:
        raise ConfigError(f"a batch needs a budget of at least 1 token, not {max_tokens}")
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(token_counts)), key=lambda i: -token_counts[i]):
        if not batches or token_counts[index] > room:
            batches.append([])
            room = max_tokens
        batches[-1].append(index)
        room -= token_counts[index]
    return batches


def get_batch_indices(sequence_lengths: Sequence[int], toks_per_batch: int = 2048) -> list[list[int]]:
    """Plan batches of proteins by their lengths.

    Parameters
    ----------
    sequence_lengths : sequence of int
        Residues of each protein.
    toks_per_batch : int, default: 2048
        Budget of one batch in tokens: residues plus two per protein. A protein over it is alone in its batch.

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
    return plan_batches([length + SPECIAL_TOKENS for length in sequence_lengths], toks_per_batch)
