"""Packs: sequences laid end to end, without padding, as every encoder takes them.

Shape suffixes in this package: N packed tokens, B sequences, D width, H heads, K head width, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from virnucpro.sequences.ragged import Ragged

__all__ = ["WIDE", "Bucket", "Pack", "filler"]

WIDE = 512
"""Encoders from this width on are wide: they spend their time in matrix products."""

NARROW_STEP_TOKENS = 512

ALIGNED = 8
"""Lengths of buckets are multiples of this: kernels in half precision copy a mask that is not aligned to 16 bytes."""

SCORES_OF_A_BUCKET = 1 << 24
"""Attention scores of one head; with a mask for 12 heads in half precision, 400 MB."""


@dataclass(frozen=True, eq=False)
class Bucket:
    """Neighbours in a pack, padded to one length; a padded place holds the last token of its own sequence."""

    tokens_BL: Tensor  # row of the pack at each place: shape (B, L), int64
    is_token_BL: Tensor  # whether a place is no padding
    places_N: Tensor  # place of each token of the bucket among B * L


@dataclass(frozen=True, eq=False)
class Pack:
    """A batch of token sequences, end to end."""

    tokens_N: Tensor  # (N,) Token ids of all sequences
    lengths: tuple[int, ...]  # tokens of each of the B sequences

    @classmethod
    def of(cls, sequences: Ragged | Sequence[NDArray[Any]], device: torch.device | str = "cpu") -> Pack:
        """Lay token sequences end to end."""
        rows = sequences if isinstance(sequences, Ragged) else Ragged.of(sequences)
        tokens_N = torch.from_numpy(rows.values.astype(np.int64, copy=False)).to(device)
        return cls(tokens_N, tuple(rows.lengths.tolist()))

    @property
    def max_length(self) -> int:
        """Tokens of the longest sequence."""
        return max(self.lengths)

    @cached_property
    def boundaries(self) -> Tensor:
        """Start of each sequence and end of the last one: shape (B + 1,), int32, on the pack's device."""
        ends = np.cumsum((0, *self.lengths), dtype=np.int32)
        return torch.from_numpy(ends).to(self.tokens_N.device)

    @cached_property
    def sequence_of_token_N(self) -> Tensor:
        """Which sequence each token belongs to: shape (N,), int64, on the pack's device."""
        owners = np.repeat(np.arange(len(self.lengths)), self.lengths)
        return torch.from_numpy(owners).to(self.tokens_N.device)

    @cached_property
    def positions_N(self) -> Tensor:
        """Position of each token in its own sequence, from 0: shape (N,), int64, on the pack's device."""
        starts = np.cumsum((0, *self.lengths[:-1]), dtype=np.int64)
        positions = np.arange(len(self.tokens_N)) - np.repeat(starts, self.lengths)
        return torch.from_numpy(positions).to(self.tokens_N.device)

    @cached_property
    def runs(self) -> tuple[tuple[int, int, int], ...]:
        """Runs of neighbours with equal length, as (first token, sequences, tokens of each)."""
        runs, start = [], 0
        for length, group in groupby(self.lengths):
            count = len(list(group))
            runs.append((start, count, length))
            start += count * length
        return tuple(runs)

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """Neighbours whose padding takes less than half of the places; in file order."""
        starts = np.cumsum((0, *self.lengths), dtype=np.int64)
        return tuple(
            self._bucket(starts[first:stop], np.array(self.lengths[first:stop], np.int64))
            for first, stop in _ranges(self.lengths)
        )

    def _bucket(self, starts_B: NDArray[np.int64], lengths_B: NDArray[np.int64]) -> Bucket:
        longest = -(-int(lengths_B.max()) // ALIGNED) * ALIGNED
        places = np.arange(longest)
        is_token_BL = places < lengths_B[:, None]
        tokens_BL = starts_B[:, None] + np.minimum(places, lengths_B[:, None] - 1)
        arrays = (tokens_BL, is_token_BL, np.flatnonzero(is_token_BL))
        return Bucket(*(torch.from_numpy(array).to(self.tokens_N.device) for array in arrays))

    def groups(self, values_N: Tensor) -> Iterator[Tensor]:
        """Split rows into runs of sequences with equal length."""
        for start, count, length in self.runs:
            yield values_N[start : start + count * length].view(count, length, *values_N.shape[1:])


def _ranges(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Split sequences into neighbours of similar length, and not too many scores."""
    first, longest, tokens = 0, 0, 0
    for number, length in enumerate(lengths):
        longest, tokens = max(longest, length), tokens + length
        count = number - first + 1
        if count > 1 and (count * longest > 2 * tokens or count * longest**2 > SCORES_OF_A_BUCKET):
            yield first, number
            first, longest, tokens = number, length, length
    yield first, len(lengths)


def filler(tokens: Ragged, width: int) -> Ragged:
    """Make extra rows of tokens that bring a batch to a round size.

    CPU kernels in half precision are compiled and kept for every new number of tokens: 10 ms and up to 700 kB per layer
    shape. For wide encoders, whose batches take many times 10 ms, sixteen sizes per power of two are few enough. For
    narrow encoders, computing 512 tokens is faster than compiling a kernel.

    Examples
    --------
    >>> batch = Ragged.of([np.arange(600), np.arange(430)])
    >>> len(filler(batch, width=1280)), len(filler(batch, width=128))
    (60, 508)
    """
    total = int(tokens.offsets[-1])
    step = max(1 << max(total.bit_length() - 5, 0), NARROW_STEP_TOKENS if width < WIDE else 1)
    missing = -total % step
    values = np.concatenate((tokens.values, np.full(missing, tokens.values[0])))
    return Ragged(values, np.concatenate((tokens.offsets, total + np.arange(1, missing + 1))))
