"""What `mini` has to beat: canonical 5-mers and the same perceptron, on the same windows.

``python -m recipes.mini.baseline --data FOLDER --out FOLDER --windows 300000``, after the recipe has split the data.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from recipes.mini.data import prepare_data
from recipes.mini.watching import LENGTHS_BP, auroc
from recipes.mini.windows import TRAINING_SHARES, Sampler, mixed_lengths
from virnucpro.models.classifier import MLP
from virnucpro.sequences.nucleotides import reverse_complement

__all__ = ["FEATURES", "five_mers", "score", "train_baseline"]

K = 5
BATCH = 256
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
    steps = windows // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        lengths = mixed_lengths(np.random.default_rng((seed, step, 5)), BATCH)
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
    return (logits[:, 1] - logits[:, 0]).double().numpy()


def main() -> None:
    """Train, and print AUROC on the validation side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watch-windows", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    genomes, split = prepare_data(options.data, options.out)
    model = train_baseline(Sampler(genomes, split, 0, TRAINING_SHARES), options.windows, options.seed)
    torch.save(model.state_dict(), options.out / "baseline.pt")
    validation = Sampler(genomes, split, 1, TRAINING_SHARES)
    found = {}
    for length in LENGTHS_BP:
        drawn = validation.draw((length, 7), np.full(options.watch_windows, length), errors=False)
        found[str(length)] = round(auroc(score(model, drawn.sequences), drawn.viral), 4)
    print(json.dumps({"windows": options.windows, "validation_auroc": found}), file=sys.stderr)


if __name__ == "__main__":
    main()
