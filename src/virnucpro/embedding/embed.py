"""Embed rows of tokens: a vector for each row, or the reason why it has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from virnucpro.batching import plan_batches
from virnucpro.embedding.batches import Outcome, Reason, run_batches
from virnucpro.models.encoders import Encoder
from virnucpro.models.memory import return_free_memory
from virnucpro.sequences.ragged import Ragged

__all__ = ["EMPTY_SEQUENCE", "Embedded", "embed_tokens"]

EMPTY_SEQUENCE: Reason = ("EmptySequence", "nothing is left of it after cleaning")

BATCHES_BETWEEN_RETURNS = 16
"""Number of batches after which free memory is returned; glibc would otherwise keep 50 to 200 MB of freed arrays."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """Vectors of rows, and failures."""

    vectors: NDArray[np.float32]  # (vectors of all rows, D) zeros where a row failed; one for each unless not pooled
    counts: NDArray[np.int64]  # (n,) vectors of each row
    failures: dict[int, Reason]  # row -> (error type, message): OutOfMemory, NotFinite, BatchError, EmptySequence


def embed_tokens(
    encoder: Encoder,
    tokens: Ragged,
    max_tokens: int | None = None,
    on_batch: Callable[[NDArray[np.int64]], None] = lambda _: None,
) -> Embedded:
    """Embed rows of tokens; equal rows are embedded once.

    `max_tokens` is the budget of a batch, by default what suits the encoder and its device. `on_batch` is called with
    the rows that a finished batch covers.
    """
    budget = encoder.batch_tokens if max_tokens is None else max_tokens
    number_of_row, sharers = _distinct(tokens)
    firsts = sharers.values[sharers.offsets[:-1]]
    plan = [firsts[batch] for batch in plan_batches(tokens.lengths[firsts], budget)]
    counts = encoder.vectors_of(tokens)
    places = Ragged(np.arange(counts.sum()), np.concatenate((np.zeros(1, np.int64), np.cumsum(counts))))
    vectors = np.zeros((len(places.values), encoder.width), np.float32)
    failures = {int(row): EMPTY_SEQUENCE for row in np.flatnonzero(tokens.lengths == 0)}
    for number, outcome in enumerate(run_batches(encoder, tokens, plan, budget), start=1):
        shared = sharers.take(number_of_row[outcome.rows])
        vectors[places.take(shared.values).values] = _repeated(outcome, shared.lengths)
        for first, reason in outcome.failures.items():
            failures |= dict.fromkeys(sharers[number_of_row[first]].tolist(), reason)
        on_batch(shared.values)
        if number % BATCHES_BETWEEN_RETURNS == 0:
            return_free_memory()
    return Embedded(vectors, counts, failures)


def _repeated(outcome: Outcome, times: NDArray[np.int64]) -> NDArray[np.float32]:
    """Vectors of each row of a batch, as often as there are rows like it."""
    if len(outcome.vectors) == len(outcome.rows):
        return np.repeat(outcome.vectors, times, axis=0)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(outcome.counts)))
    own = Ragged(np.arange(len(outcome.vectors)), offsets)
    repeated: NDArray[np.float32] = outcome.vectors[own.take(np.repeat(np.arange(len(outcome.rows)), times)).values]
    return repeated


def _distinct(tokens: Ragged) -> tuple[NDArray[np.int64], Ragged]:
    """Find the distinct rows and where each occurs; in some sequencing runs, 45 of 100 reads are repeats."""
    text, ends = tokens.values.tobytes(), (tokens.offsets * tokens.values.itemsize).tolist()
    numbers: dict[bytes, int] = {}
    number_of_row = np.fromiter(
        (numbers.setdefault(text[start:end], len(numbers)) if end > start else -1 for start, end in pairwise(ends)),
        np.int64,
        len(tokens),
    )
    rows = np.argsort(number_of_row, kind="stable")[np.count_nonzero(number_of_row < 0) :]
    counts = np.bincount(number_of_row[rows], minlength=len(numbers))
    return number_of_row, Ragged(rows, np.concatenate((np.zeros(1, np.int64), np.cumsum(counts))))
