"""From vectors per token to one vector per sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from virnucpro.models.pack import Pack

__all__ = ["mean_over_residues", "mean_over_tokens"]


def mean_over_residues(hidden_ND: Tensor, pack: Pack) -> Tensor:
    """Average each protein over its residues, without <cls> and <eos>.

    Parameters
    ----------
    hidden_ND : Tensor, shape (N, D)
        One vector per token, in any number format.
    pack : Pack
        Whose sequences the tokens are; each begins with <cls> and ends with <eos>.

    Returns
    -------
    Tensor, shape (B, D), float32
        Sums and divisions are done in float32.
    """
    return torch.cat([tokens_BLD[:, 1:-1].mean(1, dtype=torch.float32) for tokens_BLD in pack.groups(hidden_ND)])


def mean_over_tokens(hidden_ND: Tensor, pack: Pack) -> Tensor:
    """Average each sequence over all of its tokens, the special ones included, as VirNucPro does for DNABERT-S.

    Parameters
    ----------
    hidden_ND : Tensor, shape (N, D)
        One vector per token, in any number format.
    pack : Pack
        Whose sequences the tokens are.

    Returns
    -------
    Tensor, shape (B, D), float32
        Sums and divisions are done in float32.
    """
    return torch.cat([tokens_BLD.mean(1, dtype=torch.float32) for tokens_BLD in pack.groups(hidden_ND)])
