"""Training: cross-entropy over seven classes, of which a label may leave several open; resumable at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from recipes.mini.data import VIRAL
from recipes.mini.kernels import FastBlocks
from recipes.mini.windows import Sampler
from virnucpro.models.mini import Mini, MiniConfig

__all__ = ["Plan", "loss_of", "train", "viral_logit"]

VIRAL_WEIGHT = 0.5
SAVE_EVERY_S = 120


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    Attributes
    ----------
    steps : int
        Batches in all.
    rate, word_rate : float
        Peak step sizes: of everything, and of the table of words.
    warmup : int
        Steps of rising rate.
    decay : float
        Weight decay.
    dropout : float
        Share of block features that are set to zero.
    seed : int
        Of the first weights and of dropout.
    """

    steps: int
    rate: float = 2e-3
    word_rate: float = 0.02
    warmup: int = 200
    decay: float = 0.01
    dropout: float = 0.1
    seed: int = 0

    def share(self, step: int) -> float:
        """Share of the peak rate: a rise, then half a cosine to zero."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / max(self.steps - self.warmup, 1)))


def viral_logit(logits_BC: Tensor) -> Tensor:
    """Log odds of the viral classes together."""
    return logits_BC[:, :VIRAL].logsumexp(1) - logits_BC[:, VIRAL:].logsumexp(1)


def loss_of(logits_BC: Tensor, allowed_BC: Tensor) -> Tensor:
    """Cross-entropy of the open classes, and of viral or not where the label says."""
    every = logits_BC.logsumexp(1)
    loss = (every - logits_BC.masked_fill(~allowed_BC, -torch.inf).logsumexp(1)).mean()
    viral = allowed_BC[:, :VIRAL].any(1).to(logits_BC)
    return loss + VIRAL_WEIGHT * F.binary_cross_entropy_with_logits(viral_logit(logits_BC), viral)


def train(
    config: MiniConfig,
    plan: Plan,
    sampler: Sampler,
    path: Path,
    cache: Path,
    start_from: Path | None = None,
    watch: Callable[[Mini, int, int], None] | None = None,
    watch_every: int = 0,
    stop_after: int | None = None,
    log: Callable[[str], None] = print,
) -> Mini:
    """Train, or go on where the checkpoint at `path` ends; `start_from` is a checkpoint whose weights to begin with."""
    torch.manual_seed(plan.seed)
    net = Mini(config)
    fast = FastBlocks(net, cache)
    dense = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(dense, lr=plan.rate, betas=(0.9, 0.98), weight_decay=plan.decay, fused=True)
    step, seen, spent = 0, 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        fast.seen.copy_(state["words_seen"])
        step, seen, spent = state["step"], state["seen"], state["spent"]
    elif start_from is not None:
        state = torch.load(start_from, weights_only=True)
        net.load_state_dict(state["net"])
        fast.seen.copy_(state["words_seen"])

    def save() -> None:
        state = {
            "net": net.state_dict(), "optimizer": optimizer.state_dict(), "words_seen": fast.seen, "step": step,
            "seen": seen, "spent": spent + time.monotonic() - begun, "config": config.to_dict(),
        }  # fmt: skip
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    begun = saved = time.monotonic()
    running = 0.0
    first = step
    while step < plan.steps and (stop_after is None or step - first < stop_after):
        codes, lengths, allowed = sampler.batch(step)
        torch.manual_seed(plan.seed * 1_000_003 + step)  # dropout
        blocks, counts = fast(torch.from_numpy(codes), torch.from_numpy(lengths))
        if plan.dropout:
            keep = 1 - plan.dropout
            blocks = blocks * (torch.rand(len(lengths), blocks.shape[-1]).lt(keep) / keep).repeat(2, 1)[:, None, None]
        loss = loss_of(net.head(net.pool(blocks, counts, torch.bfloat16)), torch.from_numpy(allowed))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(dense, 1.0)
        share = plan.share(step)
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * share
        optimizer.step()
        fast.step(plan.word_rate * share, 0.0)
        step, seen = step + 1, seen + len(codes)
        running = 0.98 * running + 0.02 * float(loss.detach())
        if step % 200 == 0:
            rate = seen / (spent + time.monotonic() - begun)
            log(f"step {step}/{plan.steps} windows {seen} loss {running:.4f} {rate:.0f} windows/s")
        if time.monotonic() - saved > SAVE_EVERY_S:
            save()
            saved = time.monotonic()
        if watch is not None and watch_every and step % watch_every == 0:
            watch(net, step, seen)
    save()
    return net
