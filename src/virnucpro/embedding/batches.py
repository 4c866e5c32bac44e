"""Run a plan of batches through an encoder, and survive what the hardware does.

A batch that does not fit in memory, or fails unexpectedly, is halved repeatedly, down to single sequences. A sequence
whose vector is not finite is computed again by itself, in float32 arithmetic on the weights as loaded, so that an
overflow never changes the numbers of its neighbours.

On a CPU with several batches for every thread, each thread works on a batch of its own, because threads that share a
batch wait for each other after every operation. On a GPU two threads take turns, so that it never waits for the host.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro.errors import DimensionError, starting_threads
from virnucpro.models.encoders import Encoder
from virnucpro.models.memory import is_out_of_memory
from virnucpro.models.threads import lone_threads, threads_of_torch
from virnucpro.sequences.ragged import Ragged

__all__ = ["BATCH_ERROR", "NOT_FINITE", "OUT_OF_MEMORY", "Outcome", "Reason", "run_batches"]

logger = logging.getLogger("virnucpro.embedding")

OUT_OF_MEMORY, NOT_FINITE, BATCH_ERROR = "OutOfMemory", "NotFinite", "BatchError"

Reason: TypeAlias = tuple[str, str]
"""Why a row has no vector: error type and message."""

_TOO_LARGE = (
    OUT_OF_MEMORY,
    "does not fit in memory even alone; shorten it (--max-residues, --window) or use a larger device",
)
_NOT_FINITE = (
    NOT_FINITE,
    "gives numbers that are not finite, in float32 too; the weights or the sequence are unusual",
)

PROBE = "ACGTACGTACGT"
"""A sequence that every encoder can embed, as nucleotides or as residues."""

BATCHES_OF_A_THREAD = 4
"""With fewer batches, waiting for the last one costs more than separate threads gain."""


IN_FLIGHT = 2
"""Batches at a time on a GPU: while it computes one, the host prepares the next."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """Result of one batch."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]  # (vectors of all rows, D) zeros where a row failed
    counts: NDArray[np.int64]  # (rows,) vectors of each row
    failures: dict[int, Reason]  # by row


def run_batches(
    encoder: Encoder, tokens: Ragged, plan: Sequence[NDArray[np.int64]], max_tokens: int
) -> Iterator[Outcome]:
    """Embed every row of a plan."""
    run = _Runner(encoder, tokens).run
    threads, fewest = _threads(encoder.placement.device.type)
    large = sum(int(tokens.lengths[rows].sum()) > max_tokens for rows in plan)
    if threads == 1 or len(plan) - large < fewest:
        yield from map(run, plan)
        return
    yield from map(run, plan[:large])
    crowded: list[int] = []
    on_processor = encoder.placement.device.type == "cpu"
    pool_of = lone_threads if on_processor else ThreadPoolExecutor
    with pool_of(threads, "batch") as pool:
        with starting_threads():
            outcomes = pool.map(run, plan[large:])
        for outcome in outcomes:
            beside_others = [row for row, (error_type, _) in outcome.failures.items() if error_type == OUT_OF_MEMORY]
            crowded += beside_others
            yield _without(outcome, beside_others) if beside_others else outcome
    yield from (run(np.array([row])) for row in crowded)


def _threads(device_type: str) -> tuple[int, int]:
    """How many batches to work on at a time, and with how many batches that begins to pay."""
    if device_type == "cpu":
        threads = threads_of_torch()
        return threads, BATCHES_OF_A_THREAD * threads
    return (IN_FLIGHT, IN_FLIGHT) if device_type == "cuda" else (1, 1)


def _without(outcome: Outcome, rows: list[int]) -> Outcome:
    kept = ~np.isin(outcome.rows, rows)
    failures = {row: reason for row, reason in outcome.failures.items() if row not in rows}
    vectors = outcome.vectors[np.repeat(kept, outcome.counts)]
    return Outcome(outcome.rows[kept], vectors, outcome.counts[kept], failures)


class _Runner:
    """One encoder and the rows of one call; shared by several threads."""

    def __init__(self, encoder: Encoder, tokens: Ragged) -> None:
        self._encoder, self._tokens = encoder, tokens
        self._good: Ragged | None = None  # a row that has been embedded in this call
        self._told: set[int] = set()  # batch sizes for which a warning was given

    def run(self, rows: NDArray[np.int64]) -> Outcome:
        """Embed one batch; halve it when it fails."""
        found = self._embed(rows)
        if not isinstance(found, tuple):
            return self._finite(rows, found)
        if len(rows) == 1:
            counts = self._counts(rows)
            return Outcome(rows, np.zeros((counts[0], self._encoder.width), np.float32), counts, {int(rows[0]): found})
        if found[0] == OUT_OF_MEMORY:
            self._tell_of_halving(rows)
        middle = (len(rows) + 1) // 2
        first, second = self.run(rows[:middle]), self.run(rows[middle:])
        vectors, counts = (
            np.concatenate([getattr(half, name) for half in (first, second)]) for name in ("vectors", "counts")
        )
        return Outcome(rows, vectors, counts, first.failures | second.failures)

    def _counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._encoder.vectors_of(self._tokens.take(rows))

    def _finite(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> Outcome:
        """Accept finite vectors; compute the others again in float32, unless they already were."""
        counts = self._counts(rows)
        owners = np.repeat(np.arange(len(rows)), counts)
        wrong = np.unique(owners[~np.isfinite(vectors).all(axis=1)])
        if not len(wrong):
            return Outcome(rows, vectors, counts, {})
        vectors, failures = vectors.copy(), {}
        for place in wrong:
            exact = self._encoder.placement.dtype == torch.float32
            again = _NOT_FINITE if exact else self._embed(rows[place : place + 1], exact=True)
            if not isinstance(again, tuple) and not np.isfinite(again).all():
                again = _NOT_FINITE
            if isinstance(again, tuple):
                failures[int(rows[place])] = again
            vectors[owners == place] = 0 if isinstance(again, tuple) else again
        return Outcome(rows, vectors, counts, failures)

    def _embed(self, rows: NDArray[np.int64], exact: bool = False) -> NDArray[np.float32] | Reason:
        """Embed one batch or return why it failed; raise errors that no sequence causes."""
        unexpected: Exception | None = None
        try:
            tokens = self._tokens.take(rows)
            vectors = self._encoder.embed(tokens, exact)
        except InterruptedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model, a kernel or a driver comes up with
            unexpected = None if is_out_of_memory(error) else error
        else:
            expected = (int(self._encoder.vectors_of(tokens).sum()), self._encoder.width)
            if vectors.shape != expected:
                name = self._encoder.identity.name
                raise DimensionError(f"{name} gave vectors of shape {vectors.shape} for {expected[0]} of {expected[1]}")
            self._good = self._tokens.take(rows[-1:])
            return vectors
        if unexpected is not None:
            if not self._still_works():
                raise unexpected
            lines = str(unexpected).strip().splitlines()
            return BATCH_ERROR, f"{type(unexpected).__name__}: {lines[0] if lines else 'no message'}"
        # Only here, after the except block, does the traceback no longer hold the tensors that filled the memory.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return _TOO_LARGE

    def _still_works(self) -> bool:
        """Try a row that was embedded before, or a tiny one; if that fails too, no sequence is the cause."""
        known = self._good or self._encoder.tokenise([PROBE], len(PROBE)).ragged
        try:
            self._encoder.embed(known)
        except InterruptedError:
            raise
        except Exception:  # noqa: BLE001 - as above
            return False
        return True

    def _tell_of_halving(self, rows: NDArray[np.int64]) -> None:
        """Warn once per batch size, rounded up to a power of two."""
        size = 1 << (int(self._tokens.lengths[rows].sum()) - 1).bit_length()
        if size not in self._told:
            self._told.add(size)
            logger.warning("batches of up to %d tokens do not fit in memory and are halved", size)
