"""Running a plan of batches through an encoder, whatever the hardware says to it.

A batch that does not fit in memory is halved, again and again, down to one sequence. A vector that is not finite is
computed again in float32, for its sequence alone, so that a neighbour's overflow never changes anyone else's numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro.models.encoders import Encoder

__all__ = ["NOT_FINITE", "OUT_OF_MEMORY", "Outcome", "run_batches"]

OUT_OF_MEMORY = "OutOfMemory"
NOT_FINITE = "NotFinite"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one sequence.

    Attributes
    ----------
    index : int
        Its place among the sequences given.
    vector : numpy.ndarray, shape (D,), float32, or None
        Its embedding; None when it has none.
    error_type : str
        Why not: `OUT_OF_MEMORY` or `NOT_FINITE`; empty when it has one.
    """

    index: int
    vector: NDArray[np.float32] | None
    error_type: str = ""


def run_batches(
    encoder: Encoder, tokens: Sequence[NDArray[np.int64]], plan: Sequence[Sequence[int]]
) -> Iterator[list[Outcome]]:
    """Embed every sequence of a plan.

    Parameters
    ----------
    encoder : Encoder
        The model.
    tokens : sequence of numpy.ndarray, each of shape (length,), int64
        Tokenised sequences.
    plan : sequence of sequence of int
        Batches, as indices into `tokens`.

    Yields
    ------
    list of Outcome
        Batch by batch, as computed; over all of them, one outcome for every index of the plan.
    """
    pending = [list(batch) for batch in reversed(plan)]
    while pending:
        batch = pending.pop()
        vectors = _embed_or_none(encoder, [tokens[index] for index in batch], exact=False)
        if vectors is not None:
            yield [
                _checked(encoder, tokens[index], index, vector) for index, vector in zip(batch, vectors, strict=True)
            ]
        elif len(batch) > 1:
            middle = (len(batch) + 1) // 2
            pending += [batch[middle:], batch[:middle]]
        else:
            yield [Outcome(batch[0], None, OUT_OF_MEMORY)]


def _checked(encoder: Encoder, tokens: NDArray[np.int64], index: int, vector: NDArray[np.float32]) -> Outcome:
    """Accept a finite vector; compute another one in float32."""
    if np.isfinite(vector).all():
        return Outcome(index, vector)
    again = _embed_or_none(encoder, [tokens], exact=True)
    if again is None:
        return Outcome(index, None, OUT_OF_MEMORY)
    if np.isfinite(again).all():
        return Outcome(index, again[0])
    return Outcome(index, None, NOT_FINITE)


def _embed_or_none(encoder: Encoder, batch: list[NDArray[np.int64]], exact: bool) -> NDArray[np.float32] | None:
    """Embed one batch; None when it does not fit in memory."""
    try:
        return encoder.embed(batch, exact)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    # Only here, behind the except block, has the traceback let go of the tensors that filled the memory.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    told = str(error)
    return "DefaultCPUAllocator: can't allocate memory" in told or "MPS backend out of memory" in told
