"""The network in training: the package's encoders and perceptron, joined, on float32 weights that work in bfloat16."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from recipes.mini.attention import trainable, trainable_attention
from recipes.mini.batches import NONE, Batch
from recipes.mini.halves import HALVES, absent_columns
from virnucpro.features.spec import LENGTH_NUMBERS
from virnucpro.models.classifier import MLP
from virnucpro.models.dnabert_s import DNABERTS, DNABERTSConfig
from virnucpro.models.esm2 import ESM2, ESM2Config
from virnucpro.models.layers import PackedModel
from virnucpro.models.pack import Pack
from virnucpro.models.tokens import VOCABULARY

__all__ = ["Mini", "Shape", "pack_of"]

ROUND_TOKENS = 512
"""Packs are filled up to a multiple of this, as CPU kernels in bfloat16 are compiled for every size they meet."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network.

    Attributes
    ----------
    width, heads, feed_forward : int
        Of both encoders.
    protein_layers, dna_layers : int
        Blocks of each.
    vocabulary : int
        DNA tokens.
    hidden : int
        Width of the perceptron's hidden layer.
    """

    width: int
    feed_forward: int
    protein_layers: int
    dna_layers: int
    vocabulary: int
    heads: int
    hidden: int = 512


class Mini(nn.Module):
    """Both encoders, the perceptron, and the two heads of the pre-training.

    Parameters
    ----------
    shape : Shape
        Sizes.
    seed : int
        Of the first weights.
    """

    def __init__(self, shape: Shape, seed: int) -> None:
        super().__init__()
        self.shape = shape
        sizes = (shape.width, shape.heads, shape.feed_forward)
        self.protein = ESM2(ESM2Config(shape.protein_layers, *sizes), trainable_attention)
        self.dna = DNABERTS(DNABERTSConfig(shape.dna_layers, *sizes, shape.vocabulary))
        self.classifier = MLP(2 * shape.width + LENGTH_NUMBERS, shape.hidden)
        self.protein_head = nn.Linear(shape.width, len(VOCABULARY))
        self.dna_head = nn.Linear(shape.width, shape.vocabulary)
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=_scale(name, parameter, shape), generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def window_logits(self, batch: Batch, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """Compute the mean logits of the rows of every window.

        Parameters
        ----------
        batch : Batch
            The rows.
        dtype : torch.dtype, default: torch.bfloat16
            Number format of the encoders' work.

        Returns
        -------
        Tensor, shape (3, windows), float32
            log(p viral / p host), by `HALVES`: from both halves and from each alone; 0 for a window without rows.
        """
        with trainable():
            return self._joined(self._dna_vectors(batch, dtype), self._protein_vectors(batch, dtype), batch)

    def backward(self, batch: Batch, wanted: Tensor) -> Tensor:
        """Add the gradients of the cross-entropy; the halves, which share nothing, work in a thread each.

        Each half is asked alone, too: otherwise what is learned fastest leaves the other nothing to learn.

        Parameters
        ----------
        batch : Batch
            The rows.
        wanted : Tensor, shape (windows,), float32
            1 for viral.

        Returns
        -------
        Tensor, shape ()
            The loss, a mean over `HALVES`.
        """
        halves = (self._dna_vectors, self._protein_vectors)
        threaded = ThreadPoolExecutor(len(halves), initializer=torch.set_num_threads, initargs=(1,))
        with trainable(), threaded as threads:
            vectors = list(threads.map(lambda half: half(batch, torch.bfloat16), halves))
            ends = [vector.detach().requires_grad_() for vector in vectors]
            logits = self._joined(ends[0], ends[1], batch)
            loss = F.binary_cross_entropy_with_logits(logits, wanted.expand_as(logits))
            loss.backward()  # type: ignore[no-untyped-call]
            list(threads.map(_carry_on, vectors, [end.grad for end in ends]))
        return loss.detach()

    def _dna_vectors(self, batch: Batch, dtype: torch.dtype) -> Tensor:
        return self._vectors(self.dna, batch.strands, batch.strand_of_row, dtype)

    def _protein_vectors(self, batch: Batch, dtype: torch.dtype) -> Tensor:
        return self._vectors(self.protein, batch.stretches, batch.stretch_of_row, dtype)

    def _joined(self, dna: Tensor, protein: Tensor, batch: Batch) -> Tensor:
        whole = torch.cat((dna, protein, torch.from_numpy(batch.lengths)), dim=1)
        present = torch.ones(len(HALVES), 1, whole.shape[1])
        for columns, absent in zip(present[:, 0], absent_columns(dna.shape[1], protein.shape[1]).values(), strict=True):
            columns[absent] = 0
        logits: Tensor = self.classifier((whole * present).flatten(0, 1)).unflatten(0, (len(HALVES), -1))
        windows = torch.from_numpy(batch.window_of_row)
        sums = torch.zeros(len(HALVES), batch.windows).index_add(1, windows, logits[..., 1] - logits[..., 0])
        return sums / torch.bincount(windows, minlength=batch.windows).clamp(min=1)

    @staticmethod
    def _vectors(
        model: PackedModel, tokens: list[NDArray[np.int64]], of_row: NDArray[np.int64], dtype: torch.dtype
    ) -> Tensor:
        """One vector per row; zeros for rows that have none."""
        if not tokens:
            return torch.zeros(len(of_row), model.width)
        pack = pack_of(tokens)
        hidden_ND = model(pack, dtype)
        inner = isinstance(model, ESM2)  # proteins are averaged over residues, DNA over all tokens
        known = torch.from_numpy(of_row != NONE)[:, None]
        means = _means(hidden_ND, pack, len(tokens), inner=inner)
        return means[torch.from_numpy(np.maximum(of_row, 0))] * known


def _carry_on(vectors: Tensor, gradient: Tensor | None) -> None:
    if vectors.requires_grad:
        vectors.backward(gradient)  # type: ignore[no-untyped-call]


def _scale(name: str, parameter: Tensor, shape: Shape) -> float:
    """Spread of first weights: what is added to a residual is smaller the more layers there are."""
    if "embedding" in name or "token_type" in name:
        return 0.5
    layers = shape.protein_layers if name.startswith("protein") else shape.dna_layers
    residual = name.endswith(("attention_output.weight", "contract.weight"))
    return 1 / math.sqrt(parameter.shape[1] * (2 * layers if residual else 1))


def pack_of(tokens: list[NDArray[np.int64]]) -> Pack:
    """Lay token sequences end to end, and fill the pack up to a round size."""
    missing = -sum(map(len, tokens)) % ROUND_TOKENS
    return Pack.of([*tokens, np.full(missing, tokens[0][0])] if missing else tokens)


def _means(hidden_ND: Tensor, pack: Pack, sequences: int, *, inner: bool) -> Tensor:
    """Average as the package does, for all sequences of one length at once."""
    means = []
    sizes = [count * length for _, count, length in pack.runs]
    for (_, count, length), piece in zip(pack.runs, torch.split(hidden_ND, sizes), strict=True):
        rows = piece.view(count, length, -1)
        means.append((rows[:, 1:-1] if inner else rows).mean(1, dtype=torch.float32))
    return torch.cat(means)[:sequences]
