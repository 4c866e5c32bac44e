"""Masked-language pre-training: tokens hidden by chance, and the loss of guessing them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from recipes.mini.attention import trainable
from recipes.mini.batches import Batch
from recipes.mini.network import Mini, pack_of
from virnucpro.models.dna_tokens import SPECIAL_TOKENS
from virnucpro.models.layers import PackedModel, linear
from virnucpro.models.tokens import MASK, VOCABULARY

__all__ = ["masked_backward"]

MASKED_SHARE = 0.15
KEPT, REPLACED = 0.1, 0.1
"""Of the chosen tokens, such that stay as they are and such that become another; the rest is masked."""

DNA_MASK = SPECIAL_TOKENS.index("[MASK]")
FIRST_RESIDUE, LAST_RESIDUE = VOCABULARY.index("L"), VOCABULARY.index("C")


def masked_backward(network: Mini, batch: Batch, rng: np.random.Generator) -> list[float]:
    """Add the gradients of both halves, which share nothing and work in a thread each.

    Parameters
    ----------
    network : Mini
        In training.
    batch : Batch
        With strands and stretches.
    rng : numpy.random.Generator
        Where chance comes from.

    Returns
    -------
    list of float
        Mean cross-entropy of the hidden tokens of DNA, and of proteins.
    """
    halves = (
        (network.dna, network.dna_head, batch.strands, (DNA_MASK, len(SPECIAL_TOKENS), network.shape.vocabulary)),
        (network.protein, network.protein_head, batch.stretches, (MASK, FIRST_RESIDUE, LAST_RESIDUE + 1)),
    )
    hidden = [_hide(tokens, ids, rng) for _, _, tokens, ids in halves]
    threaded = ThreadPoolExecutor(len(halves), initializer=torch.set_num_threads, initargs=(1,))
    with trainable(), threaded as threads:
        losses = threads.map(lambda half, pieces: _backward(half[0], half[1], half[2], pieces), halves, hidden)
        return list(losses)


def _hide(
    tokens: list[NDArray[np.int64]], ids: tuple[int, int, int], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose tokens, and hide them: all tokens as the model sees them, and which it is to guess."""
    mask, first, last = ids
    whole = np.concatenate(tokens)
    chosen = np.flatnonzero((rng.random(len(whole)) < MASKED_SHARE) & (whole >= first) & (whole < last))
    fate = rng.random(len(chosen))
    whole[chosen[fate >= KEPT]] = mask
    swapped = chosen[(fate >= KEPT) & (fate < KEPT + REPLACED)]
    whole[swapped] = rng.integers(first, last, size=len(swapped))
    return whole, chosen


def _backward(
    model: PackedModel,
    head: nn.Linear,
    tokens: list[NDArray[np.int64]],
    hidden: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> float:
    seen, chosen = hidden
    pack = pack_of(np.split(seen, np.cumsum([len(piece) for piece in tokens])[:-1]))
    states = model(pack, torch.bfloat16)[torch.from_numpy(chosen)]
    wanted = torch.from_numpy(np.concatenate(tokens)[chosen])
    loss = F.cross_entropy(linear(head, states).float(), wanted)
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())
