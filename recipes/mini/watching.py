"""AUROC on windows of the validation side, while a run goes on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.mini.batches import rows_of
from recipes.mini.halves import HALVES
from recipes.mini.network import Mini
from recipes.mini.windows import Drawn, Sampler
from virnucpro.evaluation.bootstrap import Ranking
from virnucpro.models.dna_tokens import DnaTokenizer

__all__ = ["LENGTHS_BP", "logits_of", "watch"]

LENGTHS_BP = (150, 300, 500, 1000)
WINDOWS_AT_A_TIME = 64


def watch(network: Mini, sampler: Sampler, tokenizer: DnaTokenizer, windows: int) -> dict[str, dict[str, float]]:
    """Measure AUROC of both halves and of each, at each length, always on the same windows.

    Parameters
    ----------
    network : Mini
        Any.
    sampler : Sampler
        Of the validation side.
    tokenizer : DnaTokenizer
        The network's.
    windows : int
        Of each length.

    Returns
    -------
    dict of str to dict of str to float
        By `HALVES` and length.
    """
    found: dict[str, dict[str, float]] = {half: {} for half in HALVES}
    for length in LENGTHS_BP:
        drawn = sampler.draw((length, 7), np.full(windows, length), errors=False)
        for half, logits in zip(HALVES, logits_of(network, drawn, tokenizer), strict=True):
            found[half][str(length)] = round(Ranking(drawn.viral.astype(np.int64), logits).figures()["auroc"], 4)
    return found


@torch.inference_mode()
def logits_of(
    network: Mini,
    drawn: Drawn,
    tokenizer: DnaTokenizer,
    dtype: torch.dtype = torch.bfloat16,
) -> NDArray[np.float64]:
    """Compute window logits in evaluation mode.

    Parameters
    ----------
    network : Mini
        Any.
    drawn : Drawn
        The windows.
    tokenizer : DnaTokenizer
        The network's.
    dtype : torch.dtype, default: torch.bfloat16
        Number format of the encoders' work.

    Returns
    -------
    numpy.ndarray, shape (3, windows), float64
        By `HALVES`.
    """
    network.eval()
    logits = []
    for start in range(0, len(drawn.sequences), WINDOWS_AT_A_TIME):
        sequences = drawn.sequences[start : start + WINDOWS_AT_A_TIME]
        logits.append(network.window_logits(rows_of(sequences, tokenizer), dtype).double().numpy())
    return np.concatenate(logits, axis=1)
