"""AUROC on windows of the validation side, while a run goes on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.mini.batches import rows_of
from recipes.mini.network import Mini
from recipes.mini.windows import Drawn, Sampler
from virnucpro.evaluation.metrics import Ranking
from virnucpro.models.dna_tokens import DnaTokenizer

__all__ = ["LENGTHS_BP", "logits_of", "watch"]

LENGTHS_BP = (150, 300, 500, 1000)
WINDOWS_AT_A_TIME = 64


def watch(
    network: Mini, sampler: Sampler, tokenizer: DnaTokenizer, windows: int, halves: str = "both"
) -> dict[str, float]:
    """Measure AUROC at each length, always on the same windows.

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
    halves : str, default: "both"
        ``both``, ``dna`` or ``protein``.

    Returns
    -------
    dict of str to float
        By length.
    """
    found = {}
    for length in LENGTHS_BP:
        drawn = sampler.draw((length, 7), np.full(windows, length), errors=False)
        logits = logits_of(network, drawn, tokenizer, halves)
        found[str(length)] = round(Ranking(drawn.viral.astype(np.int64), logits).figures()["auroc"], 4)
    return found


@torch.inference_mode()
def logits_of(
    network: Mini,
    drawn: Drawn,
    tokenizer: DnaTokenizer,
    halves: str = "both",
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
    halves : str, default: "both"
        ``both``, ``dna`` or ``protein``.
    dtype : torch.dtype, default: torch.bfloat16
        Number format of the encoders' work.

    Returns
    -------
    numpy.ndarray, shape (windows,), float64
        One logit each.
    """
    network.eval()
    logits = []
    for start in range(0, len(drawn.sequences), WINDOWS_AT_A_TIME):
        sequences = drawn.sequences[start : start + WINDOWS_AT_A_TIME]
        none = np.zeros(len(sequences), np.bool_)
        missing = (none | (halves == "protein"), none | (halves == "dna"))
        logits.append(network.window_logits(rows_of(sequences, tokenizer, missing), dtype).double().numpy())
    return np.concatenate(logits)
