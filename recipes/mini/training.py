"""Training: cross-entropy over seven classes, of which a label may leave several open; resumable at any step.

A network may have teachers: trained networks whose mean prediction is a target beside the label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from recipes.mini.backend import Backend, Batch
from recipes.mini.data import VIRAL
from recipes.mini.network import MiniInTraining
from recipes.mini.windows import Sampler
from virnucpro.models.mini import Mini, MiniConfig

__all__ = ["Plan", "Training", "loss_of", "read_trained", "train", "viral_logit"]

VIRAL_WEIGHT = 0.5
TAUGHT_SHARE = 0.5
"""Weight of what teachers say, where there are any; the label has the rest."""
SAVE_EVERY_S = 120
RUNNING = 0.02
"""Weight of the last loss in the running one."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    Attributes
    ----------
    steps : int
        Batches in all.
    cooling : int
        The last steps, in which the rate falls to zero. A run without them can be continued, on other records too.
    rate, word_rate : float
        Peak step sizes: of everything, and of the table of words.
    warmup : int
        Steps of rising rate.
    decay : float
        Weight decay.
    dropout : float
        Share of block features that are set to zero.
    word_dropout : float
        Share of windows that are seen without their words, which otherwise are learnt by heart.
    seed : int
        Of the first weights and of dropout.
    """

    steps: int
    cooling: int = 0
    rate: float = 3e-3
    word_rate: float = 0.05
    warmup: int = 200
    decay: float = 0.01
    dropout: float = 0.15
    word_dropout: float = 0.4
    seed: int = 0

    def share(self, step: int) -> float:
        """Share of the peak rate: a rise, a plateau, a fall in a straight line."""
        return min((step + 1) / self.warmup, 1.0, (self.steps - step) / max(self.cooling, 1))


def viral_logit(logits_BC: Tensor) -> Tensor:
    """Log odds of the viral classes together."""
    return logits_BC[:, :VIRAL].logsumexp(1) - logits_BC[:, VIRAL:].logsumexp(1)


def loss_of(logits_BC: Tensor, allowed_BC: Tensor) -> Tensor:
    """Cross-entropy of the open classes, and of viral or not where the label says."""
    every = logits_BC.logsumexp(1)
    loss = (every - logits_BC.masked_fill(~allowed_BC, -torch.inf).logsumexp(1)).mean()
    viral = allowed_BC[:, :VIRAL].any(1).to(logits_BC)
    return loss + VIRAL_WEIGHT * F.binary_cross_entropy_with_logits(viral_logit(logits_BC), viral)


class Training:
    """A network in training: its optimizers, its teachers, and how far it is."""

    def __init__(self, config: MiniConfig, plan: Plan, backend: Backend, teachers: Sequence[Mini] = ()) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.backend = plan, backend
        self.net = MiniInTraining(config).to(backend.device)
        self.blocks = backend.blocks(self.net)
        self.teachers = [(net, backend.blocks(net)) for net in teachers]
        self.dense = [tensor for name, tensor in self.net.named_parameters() if name != "words"]
        self.optimizer = torch.optim.AdamW(
            self.dense, lr=plan.rate, betas=(0.9, 0.98), weight_decay=plan.decay, fused=True
        )
        self.step, self.seen = 0, 0

    def load(self, path: Path) -> None:
        """Go on where a checkpoint ends."""
        state = torch.load(path, weights_only=True, map_location=self.backend.device)
        self.net.load_state_dict(state["net"])
        self.step, self.seen = state["step"], state["seen"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.blocks.seen.copy_(state["words_seen"])

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state: dict[str, Any] = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        state |= {"words_seen": self.blocks.seen, "step": self.step, "seen": self.seen}
        state["config"] = self.net.config.to_dict()
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def learn(self, batch: Batch) -> Tensor:
        """Take one step, and give the loss."""
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)  # dropout
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.backend.device)
        for codes, lengths, allowed in self.backend.parts(batch):
            loss = self._loss(codes, lengths, allowed) * len(codes) / len(batch[0])
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(self.dense, 1.0)
        share = self.plan.share(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate * share
        self.optimizer.step()
        self.blocks.step(self.plan.word_rate * share)
        self.step, self.seen = self.step + 1, self.seen + len(batch[0])
        return total

    def _loss(self, codes: Tensor, lengths: Tensor, allowed: Tensor) -> Tensor:
        windows = self.blocks.look_up(codes, lengths)
        blocks, counts = self.blocks(windows, self.net.motif_table())  # type: ignore[arg-type]
        logits = self.net.head(self.net.pool(self._thinned(blocks), counts, torch.bfloat16))
        loss = loss_of(logits, allowed)
        if not self.teachers:
            return loss
        with torch.no_grad():
            said = [net.head(net.pool(*own(windows), torch.bfloat16)) for net, own in self.teachers]  # type: ignore[arg-type]
            taught = torch.stack([one.log_softmax(1) for one in said]).mean(0).log_softmax(1)
        told = F.kl_div(logits.log_softmax(1), taught, log_target=True, reduction="batchmean")
        return (1 - TAUGHT_SHARE) * loss + TAUGHT_SHARE * told

    def _thinned(self, blocks_NSRX: Tensor) -> Tensor:
        """Set some features of each window, and all words of some windows, to zero."""
        windows, keep = len(blocks_NSRX) // 2, 1 - self.plan.dropout
        draw = torch.rand(windows, blocks_NSRX.shape[-1] + 1, device=blocks_NSRX.device)
        scale = (draw[:, 1:] < keep) / keep
        scale[:, -self.net.config.word_width :] *= draw[:, :1] >= self.plan.word_dropout
        return blocks_NSRX * scale.repeat(2, 1)[:, None, None]


def read_trained(path: Path) -> Mini:
    """Give the network of a checkpoint."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    net = MiniInTraining(MiniConfig(**state["config"]))
    net.load_state_dict(state["net"])
    return net.merged()


def train(
    config: MiniConfig,
    plan: Plan,
    sampler: Sampler,
    path: Path,
    backend: Backend,
    start_from: Path | None = None,
    teachers: Sequence[Mini] = (),
    stop_after: int | None = None,
    log: Callable[[str], None] = print,
) -> Mini:
    """Train, or go on where the checkpoint at `path` ends; `start_from` is one to continue under another name."""
    training = Training(config, plan, backend, teachers)
    if found := path if path.exists() else start_from:
        training.load(found)
    if training.step >= plan.steps:
        return training.net.merged()
    last = plan.steps if stop_after is None else min(training.step + stop_after, plan.steps)
    begun, seen = time.monotonic(), training.seen
    saved, running = begun, torch.zeros((), device=backend.device)
    for batch in backend.batches(sampler, training.step, last):
        running.lerp_(training.learn(batch), RUNNING)
        if training.step % 200 == 0:
            rate = (training.seen - seen) / (time.monotonic() - begun)
            log(f"{path.stem}: step {training.step}/{plan.steps}, {training.seen} windows, "
                f"loss {running.item():.4f}, {rate:.0f} windows/s")  # fmt: skip
        if time.monotonic() - saved > SAVE_EVERY_S:
            training.save(path)
            saved = time.monotonic()
    training.save(path)
    return training.net.merged()
