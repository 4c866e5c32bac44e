"""What a small network has to beat: counts of 5-mers, and of codons in the most open frame, under a perceptron."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from recipes.mini.data import CLASSES
from recipes.mini.training import loss_of
from recipes.mini.windows import Sampler
from virnucpro.models.mini import both_strands

__all__ = ["BASELINES", "count_codons", "count_fivemers", "score_baseline", "train_baseline"]

HIDDEN = 256
STOPS = (48, 50, 56)  # TAA, TAG, TGA with bases in the order ACGT


def _words(codes_NL: torch.Tensor, width: int) -> torch.Tensor:
    """Number of the word at each position; ``4 ** width`` where a base is unknown."""
    count = codes_NL.shape[1] - width + 1
    number = torch.zeros(len(codes_NL), count, dtype=torch.int64)
    known = torch.ones(len(codes_NL), count, dtype=torch.bool)
    for place in range(width):
        part = codes_NL[:, place : place + count]
        number = 4 * number + part
        known &= part < 4
    return torch.where(known, number, 4**width)


def _shares(words_NP: torch.Tensor, size: int) -> torch.Tensor:
    counts = torch.zeros(len(words_NP), size + 1).scatter_add_(1, words_NP, torch.ones(words_NP.shape))[:, :size]
    return counts / counts.sum(1, keepdim=True).clamp(min=1)


def count_fivemers(codes: NDArray[np.uint8], lengths: NDArray[np.int64]) -> torch.Tensor:
    """Shares of 5-mers, both strands together."""
    forward, backward = _shares(
        _words(both_strands(torch.from_numpy(codes), torch.from_numpy(lengths)), 5), 4**5
    ).chunk(2)
    return (forward + backward) * 4**5 / 2


def count_codons(codes: NDArray[np.uint8], lengths: NDArray[np.int64]) -> torch.Tensor:
    """Shares of codons in that of six frames which has fewest stop codons."""
    triplets = _words(both_strands(torch.from_numpy(codes), torch.from_numpy(lengths)), 3)
    frames = torch.stack([_shares(triplets[:, frame::3], 64) for frame in range(3)])  # 3, N, 64
    frames = frames.view(3, 2, len(codes), 64).flatten(0, 1)
    best = frames[:, :, list(STOPS)].sum(2).argmin(0)
    return frames[best, torch.arange(len(codes))] * 64


BASELINES: dict[str, tuple[Callable[..., torch.Tensor], int]] = {
    "5-mers": (count_fivemers, 4**5),
    "codons": (count_codons, 64),
}


def train_baseline(name: str, sampler: Sampler, steps: int, seed: int, path: Path) -> nn.Module:
    """Train a perceptron on counts, on windows of the same sampler; or load what an earlier run left at `path`."""
    torch.manual_seed(seed)
    counter, width = BASELINES[name]
    net = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Dropout(0.1), nn.Linear(HIDDEN, len(CLASSES)))
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
        return net.eval()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        codes, lengths, allowed = sampler.batch(step)
        loss = loss_of(net(counter(codes, lengths)), torch.from_numpy(allowed))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    torch.save(net.state_dict(), path)
    return net.eval()


def score_baseline(
    name: str, net: nn.Module, codes: NDArray[np.uint8], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Logits of windows."""
    with torch.inference_mode():
        parts = [net(BASELINES[name][0](codes[i : i + 256], lengths[i : i + 256])) for i in range(0, len(codes), 256)]
    return torch.cat(parts).numpy()
