"""From vectors per token to one vector per sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from virnucpro.models.pack import Pack

__all__ = ["mean_over_residues"]


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
    last_N = (pack.lengths_B - 1)[pack.sequence_of_token_N]
    is_residue_N = (pack.positions_N > 0) & (pack.positions_N < last_N)
    residues_ND = hidden_ND[is_residue_N].float()
    return torch.segment_reduce(residues_ND, "mean", lengths=pack.lengths_B - 2, axis=0)
