"""What `mini` has to beat: canonical 5-mers and the same perceptron, on the same windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from recipes.mini.genomes import Genomes
from recipes.mini.split import Split
from recipes.mini.windows import TRAINING_SHARES, Sampler, mixed_lengths
from virnucpro.models.classifier import MLP
from virnucpro.sequences.nucleotides import reverse_complement

__all__ = ["FEATURES", "five_mers", "score", "train_baseline", "trained_baseline"]

BASELINE = "baseline.pt"

K = 5
STEP_WINDOWS = 256
PEAK_RATE = 2e-3


def _numbers() -> NDArray[np.int64]:
    """Which feature each 5-mer counts for: it and its reverse complement have one."""
    words = ["".join("ACGT"[code >> 2 * place & 3] for place in reversed(range(K))) for code in range(4**K)]
    first = [min(word, reverse_complement(word.encode()).decode()) for word in words]
    order = {word: number for number, word in enumerate(sorted(set(first)))}
    return np.array([order[word] for word in first])


_FEATURE = _numbers()
FEATURES = int(_FEATURE.max()) + 2
"""512 shares of 5-mers, and the length."""

_CODE = np.full(256, 4, np.int64)
_CODE[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4)


def five_mers(sequences: list[bytes]) -> NDArray[np.float32]:
    """Count canonical 5-mers.

    Parameters
    ----------
    sequences : list of bytes
        Windows.

    Returns
    -------
    numpy.ndarray, shape (windows, 513), float32
        Shares times 512, as square roots; then log2(bp / 500).
    """
    found = np.zeros((len(sequences), FEATURES), np.float32)
    for row, sequence in enumerate(sequences):
        codes = _CODE[np.frombuffer(sequence, np.uint8)]
        places = sum(codes[place : len(codes) - K + 1 + place] << 2 * (K - 1 - place) for place in range(K))
        whole = np.convolve(codes == 4, np.ones(K), "valid") == 0
        counts = np.bincount(_FEATURE[np.asarray(places)[whole]], minlength=FEATURES - 1)
        found[row, :-1] = np.sqrt(counts * (FEATURES - 1) / max(counts.sum(), 1))
        found[row, -1] = np.log2(len(sequence) / 500)
    return found


def train_baseline(sampler: Sampler, windows: int, seed: int) -> MLP:
    """Train the perceptron on 5-mers.

    Parameters
    ----------
    sampler : Sampler
        Of the training side.
    windows : int
        How many it sees, each once.
    seed : int
        Of windows and weights.

    Returns
    -------
    MLP
        In evaluation mode.
    """
    torch.manual_seed(seed)
    model = MLP(FEATURES)
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-3)
    steps = max(windows // STEP_WINDOWS, 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        lengths = mixed_lengths(np.random.default_rng((seed, step, 5)), STEP_WINDOWS)
        drawn = sampler.draw((seed, step, 6), lengths, errors=True)
        logits = model(torch.from_numpy(five_mers(drawn.sequences)))
        loss = F.cross_entropy(logits, torch.from_numpy(drawn.viral.astype(np.int64)))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
    return model.eval()


@torch.inference_mode()
def score(model: MLP, sequences: list[bytes]) -> NDArray[np.float64]:
    """Compute logits of windows.

    Parameters
    ----------
    model : MLP
        Trained.
    sequences : list of bytes
        Windows.

    Returns
    -------
    numpy.ndarray, shape (windows,), float64
        log(p viral / p host).
    """
    logits = model(torch.from_numpy(five_mers(sequences)))
    return np.asarray((logits[:, 1] - logits[:, 0]).double().numpy())


def trained_baseline(out: Path, genomes: Genomes, split: Split, windows: int, seed: int) -> MLP:
    """Train the perceptron, or take what an earlier call left.

    Parameters
    ----------
    out : Path
        Folder of the run.
    genomes : Genomes
        All records, masked.
    split : Split
        Their sides.
    windows : int
        How many it sees.
    seed : int
        Of windows and weights.

    Returns
    -------
    MLP
        In evaluation mode.
    """
    path, told = out / BASELINE, {"windows": windows, "seed": seed}
    if path.exists():
        saved = torch.load(path, weights_only=True)
        if saved["told"] == told:
            model = MLP(FEATURES)
            model.load_state_dict(saved["state"])
            return model.eval()
    model = train_baseline(Sampler(genomes, split, 0, TRAINING_SHARES), windows, seed)
    torch.save({"told": told, "state": model.state_dict()}, path)
    return model
