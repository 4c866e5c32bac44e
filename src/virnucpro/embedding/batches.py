"""Running a plan of batches through an encoder, whatever the hardware says to it.

A batch that does not fit in memory is halved, again and again, down to one sequence. A vector that is not finite is
computed again for its sequence alone, in float32 arithmetic on the weights as loaded, so that a neighbour's overflow
never changes anyone else's numbers; where the work is in float32 already, there is nothing to do again.

On a CPU, where there are several batches for every thread, each thread works on one of its own: a core that works by
itself need not wait for others after every operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Barrier

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro.models.encoders import Encoder
from virnucpro.models.memory import is_out_of_memory

__all__ = ["NOT_FINITE", "OUT_OF_MEMORY", "Attempt", "run_batches"]

OUT_OF_MEMORY = "OutOfMemory"
NOT_FINITE = "NotFinite"

BATCHES_OF_A_THREAD = 4
"""With fewer, threads would wait for the last one longer than they gain."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """What came of embedding one sequence."""

    index: int  # its place among the sequences given
    vector: NDArray[np.float32] | None  # (D,) Its embedding; None when it has none
    error_type: str = ""  # why not: `OUT_OF_MEMORY` or `NOT_FINITE`; empty when it has one


def run_batches(
    encoder: Encoder, tokens: Sequence[NDArray[np.int64]], plan: Sequence[Sequence[int]], max_tokens: int
) -> Iterator[list[Attempt]]:
    """Embed every sequence of a plan."""
    attempts = partial(_attempts, encoder, tokens)
    threads = torch.get_num_threads()
    large = sum(sum(len(tokens[index]) for index in batch) > max_tokens for batch in plan)
    if encoder.placement.device.type != "cpu" or threads == 1 or len(plan) - large < BATCHES_OF_A_THREAD * threads:
        yield from map(attempts, plan)
        return
    yield from map(attempts, plan[:large])
    crowded: list[int] = []
    for batch in _each_in_a_thread(attempts, plan[large:], threads):
        crowded += [attempt.index for attempt in batch if attempt.error_type == OUT_OF_MEMORY]
        yield [attempt for attempt in batch if attempt.error_type != OUT_OF_MEMORY]
    yield from (attempts([index]) for index in crowded)


def _each_in_a_thread(
    attempts: Callable[[Sequence[int]], list[Attempt]], plan: Sequence[Sequence[int]], threads: int
) -> Iterator[list[Attempt]]:
    """Work on as many batches at a time as there are threads."""
    ready = Barrier(threads + 1)
    with ThreadPoolExecutor(threads, "batch", _work_alone, (ready,)) as pool:
        found = pool.map(attempts, plan)  # asks for all of them, so that all threads begin
        ready.wait()
        torch.set_num_threads(threads)  # a thread that torch does not know yet begins with what was set last, anywhere
        yield from found


def _work_alone(ready: Barrier) -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # torch knows the thread from here on
    ready.wait()


def _attempts(encoder: Encoder, tokens: Sequence[NDArray[np.int64]], batch: Sequence[int]) -> list[Attempt]:
    """Embed one batch, in halves where it does not fit."""
    vectors = _embed_or_none(encoder, [tokens[index] for index in batch], exact=False)
    if vectors is not None:
        return [_checked(encoder, tokens[index], index, vector) for index, vector in zip(batch, vectors, strict=True)]
    if len(batch) == 1:
        return [Attempt(batch[0], None, OUT_OF_MEMORY)]
    middle = (len(batch) + 1) // 2
    return _attempts(encoder, tokens, batch[:middle]) + _attempts(encoder, tokens, batch[middle:])


def _checked(encoder: Encoder, tokens: NDArray[np.int64], index: int, vector: NDArray[np.float32]) -> Attempt:
    """Accept a finite vector; compute another one in float32 when it was not of float32."""
    if np.isfinite(vector).all():
        return Attempt(index, vector)
    if encoder.placement.dtype == torch.float32:
        return Attempt(index, None, NOT_FINITE)
    again = _embed_or_none(encoder, [tokens], exact=True)
    if again is None:
        return Attempt(index, None, OUT_OF_MEMORY)
    if np.isfinite(again).all():
        return Attempt(index, again[0])
    return Attempt(index, None, NOT_FINITE)


def _embed_or_none(encoder: Encoder, batch: list[NDArray[np.int64]], exact: bool) -> NDArray[np.float32] | None:
    """Embed one batch; None when it does not fit in memory."""
    try:
        return encoder.embed(batch, exact)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Only here, behind the except block, has the traceback let go of the tensors that filled the memory.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
