"""Blocks of `Mini` by one large product, for training on an accelerator; what `kernels.py` is for a processor.

Codons become rows of zeros and ones, so that all motifs are scored by one product in float16, and several networks can
be given the same rows. Only the best position of a block has a gradient; equals share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from virnucpro.models.mini import CODONS, SEGMENT_CODONS, Mini, grid_of

__all__ = ["DenseBlocks", "DenseWindows"]

NOWHERE = -3e4
"""Score of a position behind the end; float16 holds it."""
GRADIENT_SCALE = 4096.0
"""Keeps small gradients above float16's least number."""
PRODUCTS = 64
"""Parts of the product over all positions. Both strands together have a multiple of 192, so 64 divides them."""
MULTIPLE = 16
"""Rows of a product on tensor cores."""


@dataclass(frozen=True, eq=False)
class DenseWindows:
    """What is looked up in windows, for networks of one shape."""

    hot: Tensor  # (positions, codes of codons) zeros and ones
    pairs: Tensor  # (N, P) rows
    words: Tensor  # (N, P) rows
    counts: Tensor  # (N, S, R) positions of each block


class DenseBlocks:
    """Blocks of a network in training, and the optimizer of its table of words."""

    def __init__(self, net: Mini) -> None:
        self.net = net
        self.seen = torch.full((len(net.words),), 1e-9, device=net.words.device)

    def look_up(self, codes_BL: Tensor, lengths_B: Tensor) -> DenseWindows:
        """Prepare windows."""
        at, pairs_NP, words_NP, valid_NP = self.net.look_up(codes_BL, lengths_B)
        rows = self.net.config.motif_codons * CODONS
        rows_NPK = torch.stack([codons_NP + CODONS * place for place, codons_NP in enumerate(at)], -1)
        rows_NPK[..., 0].masked_fill_(~valid_NP, rows)
        width = -(-(rows + 1) // MULTIPLE) * MULTIPLE
        dtype = torch.float16 if codes_BL.is_cuda else torch.float32
        hot = torch.zeros(rows_NPK[..., 0].numel(), width, dtype=dtype, device=codes_BL.device)
        hot.scatter_(1, rows_NPK.flatten(0, 1), 1.0)
        return DenseWindows(hot, pairs_NP, words_NP, grid_of(valid_NP).sum(-1))

    def __call__(self, windows: DenseWindows, motifs: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute what `Mini.blocks` does."""
        net, counts_NSR = self.net, windows.counts
        table = net.motifs if motifs is None else motifs
        best = _Best.apply(table.flatten(0, 1), windows.hot, counts_NSR.shape)  # type: ignore[no-untyped-call]
        parts = [best * (counts_NSR > 0)[..., None]]
        for rows_NP, rows in ((windows.pairs, net.pairs), (windows.words, net.words)):
            sums = F.embedding_bag(grid_of(rows_NP).reshape(-1, SEGMENT_CODONS), rows, mode="sum")
            parts.append(sums.view(*counts_NSR.shape, -1) / counts_NSR.clamp(min=1)[..., None])
        return torch.cat(parts, -1), counts_NSR

    def step(self, rate: float) -> None:
        """Adagrad with one step size for each row of words."""
        grad = self.net.words.grad
        assert grad is not None
        with torch.no_grad():
            self.seen += grad.square().mean(1)
            self.net.words.sub_(rate / (self.seen.sqrt() + 1e-8)[:, None] * grad)
        self.net.words.grad = None


class _Best(torch.autograd.Function):
    """Best score of every motif in every block, shape (N, S, R, F), float32."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, hot: Tensor, blocks: torch.Size) -> Tensor:  # noqa: ANN401
        padded = F.pad(table.to(hot.dtype), (0, 0, 0, hot.shape[1] - len(table)))
        padded[len(table)] = NOWHERE
        scores = (hot @ padded).view(blocks[0], blocks[1], SEGMENT_CODONS, blocks[2], -1)
        best = scores.amax(2)
        ctx.save_for_backward(hot, scores, best)
        ctx.rows = len(table)
        return best.float()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        hot, scores, best = ctx.saved_tensors
        winners = scores == best.unsqueeze(2)
        scaled = (grad * GRADIENT_SCALE / winners.sum(2)).to(hot.dtype).unsqueeze(2)
        won = torch.where(winners, scaled, 0)
        # One product of so many rows would keep few of a GPU's processors busy.
        parts = (hot.view(PRODUCTS, -1, hot.shape[1]).mT @ won.view(PRODUCTS, len(hot) // PRODUCTS, -1)).float()
        return parts.sum(0)[: ctx.rows] / GRADIENT_SCALE, None, None
