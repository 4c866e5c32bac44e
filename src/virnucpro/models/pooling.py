"""Pool vectors per token into one vector per sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from virnucpro.models.pack import Pack

__all__ = ["mean_over_residues", "mean_over_tokens"]


def mean_over_residues(hidden_ND: Tensor, pack: Pack) -> Tensor:
    """Average each protein over its residues, without <cls> and <eos>."""
    return torch.cat([tokens_BLD[:, 1:-1].mean(1, dtype=torch.float32) for tokens_BLD in pack.groups(hidden_ND)])


def mean_over_tokens(hidden_ND: Tensor, pack: Pack) -> Tensor:
    """Average each sequence over all tokens, including special ones, as the original VirNucPro does for DNABERT-S."""
    return torch.cat([tokens_BLD.mean(1, dtype=torch.float32) for tokens_BLD in pack.groups(hidden_ND)])
