"""The loop: masked-language steps, then end to end on labels; every step is a function of the seed and its number."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from recipes.mini.batches import Batch, rows_of
from recipes.mini.masking import masked_backward
from recipes.mini.network import Mini, Shape
from recipes.mini.windows import Sampler, mixed_lengths
from virnucpro.models.dna_tokens import DnaTokenizer

__all__ = ["CHECKPOINT", "Plan", "Trainer", "read_checkpoint"]

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"

EMA = 0.999
BETAS = (0.9, 0.98)
WEIGHT_DECAY = 0.02
CLIP = 1.0
LAST_RATE = 0.02
"""Learning rate at the end, as a share of the highest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes
    ----------
    seed : int
        Of everything but the split.
    pretrain_steps, steps : int
        Masked-language steps, then steps on labels.
    windows : int
        Windows of a step.
    learning_rate : float
        The highest, after the warm-up.
    warmup : int
        Steps of each of the two warm-ups.
    """

    seed: int
    pretrain_steps: int
    steps: int
    windows: int = 96
    learning_rate: float = 1e-3
    warmup: int = 150

    @property
    def total(self) -> int:
        """Steps of both kinds."""
        return self.pretrain_steps + self.steps

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        labelled = step >= self.pretrain_steps
        place = step - self.pretrain_steps if labelled else step
        rise = min((place + 1) / self.warmup, 1.0)
        if not labelled:
            return self.learning_rate * rise
        fall = 0.5 * (1 + math.cos(math.pi * place / self.steps))
        return self.learning_rate * rise * (LAST_RATE + (1 - LAST_RATE) * fall)


@dataclass(frozen=True, eq=False)
class Step:
    """What one step needs from the genomes."""

    batch: Batch
    viral: NDArray[np.bool_]
    rng: np.random.Generator


class Trainer:
    """A run in a folder.

    Parameters
    ----------
    plan : Plan
        What it does.
    shape : Shape
        The network's.
    sampler : Sampler
        Of the training side.
    tokenizer : DnaTokenizer
        Of the DNA half.
    folder : Path
        For the checkpoint and the log.
    """

    def __init__(self, plan: Plan, shape: Shape, sampler: Sampler, tokenizer: DnaTokenizer, folder: Path) -> None:
        self.plan, self.sampler, self.tokenizer, self.folder = plan, sampler, tokenizer, folder
        self.network = Mini(shape, plan.seed)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_parameter_groups(self.network), betas=BETAS)
        self.step = 0
        if (folder / CHECKPOINT).exists():
            self._resume()

    def _resume(self) -> None:
        saved = read_checkpoint(self.folder)
        told = {"plan": asdict(self.plan), "shape": asdict(self.network.shape)}
        if any(saved[key] != value for key, value in told.items()):
            raise SystemExit(f"{self.folder} holds a run of {saved['plan']}, {saved['shape']}, not of {told}")
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step = saved["step"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        content = {
            "step": self.step,
            "plan": asdict(self.plan),
            "shape": asdict(self.network.shape),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        new = self.folder / f"{CHECKPOINT}.new"
        torch.save(content, new)
        new.replace(self.folder / CHECKPOINT)

    def log(self, **facts: Any) -> None:  # noqa: ANN401
        """Add one JSON line to the log."""
        with (self.folder / LOG).open("a") as file:
            file.write(json.dumps({"step": self.step, **facts}) + os.linesep)

    def run(self, until: int, save_every_s: float = 120.0) -> Iterator[int]:
        """Go on to a step; after each, its number.

        Parameters
        ----------
        until : int
            Where to stop.
        save_every_s : float, default: 120.0
            Seconds between checkpoints.

        Yields
        ------
        int
            Steps done.
        """
        saved = time.monotonic()
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._draw, self.step)
            while self.step < until:
                drawn = coming.result()
                coming = ahead.submit(self._draw, self.step + 1)
                self._update(drawn)
                self.step += 1
                if time.monotonic() - saved > save_every_s:
                    self.save()
                    saved = time.monotonic()
                yield self.step
        self.save()

    def _draw(self, step: int) -> Step:
        key = (self.plan.seed, step)
        rng = np.random.default_rng((*key, 1))
        lengths = mixed_lengths(rng, self.plan.windows)
        drawn = self.sampler.draw((*key, 2), lengths, errors=True)
        return Step(rows_of(drawn.sequences, self.tokenizer, training=rng), drawn.viral, rng)

    def _update(self, drawn: Step) -> None:
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)  # dropout of the perceptron
        rate = self.plan.rate(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        facts = self._backward(drawn)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._follow()
        if self.step % 20 == 0:
            self.log(rate=rate, **{name: round(value, 4) for name, value in facts.items()})

    def _backward(self, drawn: Step) -> dict[str, float]:
        """Add up gradients; the halves work in a thread each."""
        self.network.train()
        if self.step < self.plan.pretrain_steps:
            dna, protein = masked_backward(self.network, drawn.batch, drawn.rng)
            return {"masked_dna": dna, "masked_protein": protein}
        wanted = torch.from_numpy(drawn.viral).float()
        return {"loss": float(self.network.backward(drawn.batch, wanted))}

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the average of the weights follow them; at first fast."""
        keep = min(EMA, (1 + self.step) / (10 + self.step))
        mine, theirs = self.average.state_dict(), self.network.state_dict()
        for name, value in mine.items():
            if value.is_floating_point():
                value.lerp_(theirs[name], 1 - keep)
            else:
                value.copy_(theirs[name])


def _parameter_groups(network: Mini) -> list[dict[str, Any]]:
    """Matrices decay, vectors and token tables do not."""
    decaying: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        free = parameter.dim() < 2 or "embedding" in name or "token_type" in name
        (others if free else decaying).append(parameter)
    return [{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Read the checkpoint of a folder.

    Parameters
    ----------
    folder : Path
        Of a run.

    Returns
    -------
    dict
        What `Trainer.save` wrote.
    """
    saved: dict[str, Any] = torch.load(folder / CHECKPOINT, weights_only=True)
    return saved
