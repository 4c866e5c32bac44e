"""Pool vectors per token into one vector per sequence, or keep one per residue."""

from __future__ import annotations

import torch
from torch import Tensor

from virnucpro.models.pack import Pack
from virnucpro.models.readout import Pool

__all__ = ["ALL_TOKENS", "RESIDUES", "pool_tokens"]

RESIDUES = slice(1, -1)
"""Tokens of a protein without <cls> and <eos>."""
ALL_TOKENS = slice(None)
"""Special tokens included, as VirNucPro averages DNABERT-S."""


def pool_tokens(hidden_ND: Tensor, pack: Pack, used: slice, pool: Pool = "mean") -> Tensor:
    """Pool the `used` tokens of every sequence, in float32."""
    return torch.cat([_pooled(tokens_BLD, used, pool) for tokens_BLD in pack.groups(hidden_ND)])


def _pooled(tokens_BLD: Tensor, used: slice, pool: Pool) -> Tensor:
    used_BLD = tokens_BLD[:, used]
    if pool == "mean":
        return used_BLD.mean(1, dtype=torch.float32)
    if pool == "cls":
        return tokens_BLD[:, 0].float()
    if pool == "none":
        return used_BLD.flatten(0, 1).float()
    empty = not used_BLD.shape[1]  # filler of one token
    return used_BLD.new_zeros(len(used_BLD), used_BLD.shape[2]).float() if empty else used_BLD.amax(1).float()
