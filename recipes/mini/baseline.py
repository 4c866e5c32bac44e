"""What `mini` has to beat: counts of words under the same perceptron, on the same windows.

Canonical 5-mers of the window, as others count them; and codons in the frame of the longest stretch, to tell what the
encoders see from what their reading frame brings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from recipes.mini.genomes import Genomes
from recipes.mini.split import Split
from recipes.mini.windows import TRAINING_SHARES, Sampler, mixed_lengths
from virnucpro.features.spec import LENGTH_NUMBERS
from virnucpro.models.classifier import MLP
from virnucpro.records import Record
from virnucpro.runs.files import whole_file
from virnucpro.sequences.nucleotides import reverse_complement
from virnucpro.sequences.stretches import find_stretches
from virnucpro.verbs.frame_features import length_numbers

__all__ = ["COUNTED", "codons", "five_mers", "score", "train_baseline", "trained_baseline"]

K, CODONS = 5, 64
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
        found[row, :-1] = _roots_of_shares(_FEATURE[np.asarray(places)[whole]], FEATURES - 1)
        found[row, -1] = np.log2(len(sequence) / 500)
    return found


def codons(sequences: list[bytes]) -> NDArray[np.float32]:
    """Count codons, in the frame of the longest stretch without a stop.

    Parameters
    ----------
    sequences : list of bytes
        Windows.

    Returns
    -------
    numpy.ndarray, shape (windows, 66), float32
        Shares times 64, as square roots; then the two length numbers. Zeros for a window without a row.
    """
    records = [Record(number, "", sequence.decode()) for number, sequence in enumerate(sequences, 1)]
    found = np.zeros((len(sequences), CODONS + LENGTH_NUMBERS), np.float32)
    for frame in sorted(find_stretches(records, max(map(len, sequences))), key=lambda frame: len(frame.protein)):
        row, letters = frame.window_row, frame.nucleotides.encode()
        digits = _CODE[np.frombuffer(letters, np.uint8)[: len(letters) // 3 * 3]].reshape(-1, 3)
        known = digits[(digits < 4).all(axis=1)]
        found[row, :CODONS] = _roots_of_shares(known @ np.array([16, 4, 1]), CODONS)
        found[row, CODONS:] = length_numbers(np.array([len(sequences[row])]), np.array([len(frame.protein)]))
    return found


def _roots_of_shares(words: NDArray[np.int64], kinds: int) -> NDArray[np.float64]:
    """1 for a word as frequent as all kinds are on average; zeros where there is none."""
    counts = np.bincount(words, minlength=kinds)
    return np.asarray(np.sqrt(counts * kinds / max(counts.sum(), 1)))


COUNTED: Mapping[str, Callable[[list[bytes]], NDArray[np.float32]]] = {"codons": codons, "5-mers": five_mers}
"""Baselines by the name that the report has for them."""


def train_baseline(counted: str, sampler: Sampler, windows: int, seed: int) -> MLP:
    """Train the perceptron on counts.

    Parameters
    ----------
    counted : str
        What, as in `COUNTED`.
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
    numbers = COUNTED[counted]
    model = MLP(_width(counted))
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-3)
    steps = max(windows // STEP_WINDOWS, 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        lengths = mixed_lengths(np.random.default_rng((seed, step, 5)), STEP_WINDOWS)
        drawn = sampler.draw((seed, step, 6), lengths, errors=True)
        logits = model(torch.from_numpy(numbers(drawn.sequences)))
        loss = F.cross_entropy(logits, torch.from_numpy(drawn.viral.astype(np.int64)))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
    return model.eval()


@torch.inference_mode()
def score(counted: str, model: MLP, sequences: list[bytes]) -> NDArray[np.float64]:
    """Compute logits of windows.

    Parameters
    ----------
    counted : str
        What, as in `COUNTED`.
    model : MLP
        Trained.
    sequences : list of bytes
        Windows.

    Returns
    -------
    numpy.ndarray, shape (windows,), float64
        log(p viral / p host).
    """
    logits = model(torch.from_numpy(COUNTED[counted](sequences)))
    return np.asarray((logits[:, 1] - logits[:, 0]).double().numpy())


def _width(counted: str) -> int:
    return len(COUNTED[counted]([b"A" * 2 * K])[0])


def trained_baseline(counted: str, out: Path, genomes: Genomes, split: Split, windows: int, seed: int) -> MLP:
    """Train the perceptron, or take what an earlier call left.

    Parameters
    ----------
    counted : str
        What, as in `COUNTED`.
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
    path, told = out / f"baseline_{counted}.pt", {"windows": windows, "seed": seed}
    if path.exists():
        saved = torch.load(path, weights_only=True)
        if saved["told"] == told:
            model = MLP(_width(counted))
            model.load_state_dict(saved["state"])
            return model.eval()
    model = train_baseline(counted, Sampler(genomes, split, 0, TRAINING_SHARES), windows, seed)
    with whole_file(path) as file:
        torch.save({"told": told, "state": model.state_dict()}, file)
    return model
