"""Training: cross-entropy over seven classes, of which a label may leave several open; resumable at any step."""

from __future__ import annotations

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
RUNNING = 0.02
"""Weight of the last loss in the running one."""
CACHED_BP = 24_000
"""A batch is computed in parts of so many bases, whose numbers stay in the processor's cache."""


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
    dropout: float = 0.1
    word_dropout: float = 0.3
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
    """Train, or go on where the checkpoint at `path` ends; `start_from` is one to continue under another name."""
    torch.manual_seed(plan.seed)
    net = Mini(config)
    fast = FastBlocks(net, cache)
    dense = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(dense, lr=plan.rate, betas=(0.9, 0.98), weight_decay=plan.decay, fused=True)
    step, seen, spent = 0, 0, 0.0
    if found := path if path.exists() else start_from:
        state = torch.load(found, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        fast.seen.copy_(state["words_seen"])
        step, seen, spent = state["step"], state["seen"], state["spent"]

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
        optimizer.zero_grad(set_to_none=True)
        parts = max(codes.size // CACHED_BP, 1)
        for part in zip(*(torch.from_numpy(array).chunk(parts) for array in (codes, lengths, allowed)), strict=True):
            blocks, counts = fast(part[0], part[1])
            if plan.dropout:
                keep = 1 - plan.dropout
                kept = torch.rand(len(part[0]), blocks.shape[-1]) < keep
                scale = kept / keep
                scale[:, -config.word_width :] *= torch.rand(len(part[0]), 1) >= plan.word_dropout
                blocks = blocks * scale.repeat(2, 1)[:, None, None]
            loss = loss_of(net.head(net.pool(blocks, counts, torch.bfloat16)), part[2]) * len(part[0]) / len(codes)
            loss.backward()  # type: ignore[no-untyped-call]
            running += RUNNING * float(loss.detach())
        torch.nn.utils.clip_grad_norm_(dense, 1.0)
        share = plan.share(step)
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * share
        optimizer.step()
        fast.step(plan.word_rate * share, 0.0)
        step, seen = step + 1, seen + len(codes)
        running *= 1 - RUNNING
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
