"""Fast training of `Mini` on a processor: its blocks by compiled code, with gradients at winning positions only.

`Mini.blocks` computes the same in plain torch; a test compares both, values and gradients.
"""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from virnucpro.models.mini import LETTERS, SEGMENT_BP, WORDS, Mini, MiniConfig

__all__ = ["FastBlocks"]

_SOURCE = Path(__file__).with_name("kernels.cpp")
_FLAGS = ("-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-shared", "-fPIC", "-std=c++17")


def _library(cache: Path) -> ctypes.CDLL:
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    path = cache / f"kernels-{digest}.so"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["g++", *_FLAGS, "-o", str(path), str(_SOURCE)], check=True)  # noqa: S603, S607
    library = ctypes.CDLL(str(path))
    library.blocks_backward.restype = ctypes.c_int64
    return library


def _at(tensor: Tensor) -> ctypes.c_void_p:
    assert tensor.is_contiguous()
    return ctypes.c_void_p(tensor.data_ptr())


class FastBlocks:
    """Blocks of a network in training, and the optimizer of its table of words.

    The table has too many rows for a dense optimizer: only rows that a batch names are changed.
    """

    def __init__(self, net: Mini, cache: Path) -> None:
        self.net, self.library = net, _library(cache)
        self.letters = torch.tensor(net.letters.tolist(), dtype=torch.int64)
        self.words = net.words.detach()
        net.words.requires_grad_(False)
        self.grad = torch.zeros_like(self.words)
        self.seen = torch.full((len(self.words),), 1e-9)
        self.flags = torch.zeros(len(self.words), dtype=torch.uint8)
        self.touched = torch.zeros(len(self.words), dtype=torch.int32)
        self.listed = 0

    def look_up(self, codes_BL: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Prepare windows: there is nothing to do."""
        return codes_BL, lengths_B

    def __call__(self, windows: tuple[Tensor, Tensor], motifs: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute what `Mini.blocks` does."""
        table = self.net.motifs if motifs is None else motifs
        return _Blocks.apply(self, *windows, table, self.net.pairs)  # type: ignore[no-any-return, no-untyped-call]

    def shape(self, codes_BL: Tensor, segments: int) -> NDArray[np.int64]:
        """Sizes, as the compiled code takes them."""
        config: MiniConfig = self.net.config
        return np.array(
            [*codes_BL.shape, segments, config.motifs, config.motif_codons, config.pair_width, config.word_width,
             WORDS, LETTERS], np.int64,
        )  # fmt: skip

    def step(self, rate: float) -> None:
        """Change the rows that have a gradient."""
        self.library.update_rows(
            ctypes.c_int64(self.listed), ctypes.c_int64(self.words.shape[1]), _at(self.touched), _at(self.words),
            _at(self.grad), _at(self.seen), _at(self.flags), ctypes.c_float(rate),
        )  # fmt: skip
        self.listed = 0


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        fast: FastBlocks,
        codes_BL: Tensor,
        lengths_B: Tensor,
        motifs: Tensor,
        pairs: Tensor,
    ) -> tuple[Tensor, Tensor]:
        config = fast.net.config
        segments = -(-(int(lengths_B.max()) - config.min_bp + 1) // SEGMENT_BP)
        grid = (2 * len(codes_BL), segments, 3)
        out = torch.empty(*grid, config.motifs + config.pair_width + config.word_width)
        won = torch.zeros(*grid, config.motifs, dtype=torch.int32)
        counts = torch.empty(grid, dtype=torch.int64)
        shape = fast.shape(codes_BL, segments)
        fast.library.blocks_forward(
            shape.ctypes.data_as(ctypes.c_void_p), _at(codes_BL), _at(lengths_B), _at(fast.letters), _at(motifs),
            _at(pairs), _at(fast.words), _at(out), _at(won), _at(counts),
        )  # fmt: skip
        ctx.fast, ctx.kernel_shape = fast, shape
        ctx.save_for_backward(codes_BL, lengths_B, won, motifs, pairs)
        ctx.mark_non_differentiable(counts)
        return out, counts

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[None, None, None, Tensor, Tensor]:  # noqa: ANN401
        fast = ctx.fast
        codes_BL, lengths_B, won, motifs, pairs = ctx.saved_tensors
        to_motifs, to_pairs = torch.zeros_like(motifs), torch.zeros_like(pairs)
        fast.listed = fast.library.blocks_backward(
            ctx.kernel_shape.ctypes.data_as(ctypes.c_void_p), _at(codes_BL), _at(lengths_B), _at(fast.letters),
            _at(grad.contiguous()), _at(won), _at(to_motifs), _at(to_pairs), _at(fast.grad), _at(fast.flags),
            _at(fast.touched), ctypes.c_int64(fast.listed),
        )  # fmt: skip
        return None, None, None, to_motifs, to_pairs
