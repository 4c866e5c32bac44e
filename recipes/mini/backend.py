"""Where training runs: one core with compiled blocks, or an accelerator with dense ones. Batches are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from recipes.mini.dense import DenseBlocks
from recipes.mini.kernels import FastBlocks
from recipes.mini.windows import Sampler
from virnucpro.models.mini import Mini

__all__ = ["Backend", "choose_backend"]

CACHED_BP = 24_000
"""A processor computes a batch in parts of so many bases, whose numbers stay in its cache."""
WORKERS = 10
"""Processes that draw batches for an accelerator."""
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Backend:
    """A device, and the folder that compiled code is kept in."""

    device: torch.device
    cache: Path

    def blocks(self, net: Mini) -> FastBlocks | DenseBlocks:
        """Give what computes the blocks of a network."""
        return FastBlocks(net, self.cache) if self.device.type == "cpu" else DenseBlocks(net)

    def parts(self, batch: Batch) -> Iterator[Batch]:
        """Cut a batch into what is computed at once."""
        count = max(batch[0].numel() // CACHED_BP, 1) if self.device.type == "cpu" else 1
        return zip(*(tensor.to(self.device, non_blocking=True).chunk(count) for tensor in batch), strict=True)

    def batches(self, sampler: Sampler, first: int, last: int) -> Iterator[Batch]:
        """Batches by number, shapes (windows, bases), (windows,), (windows, classes)."""
        batches = _Batches(sampler)
        if self.device.type == "cpu":
            return (batches[number] for number in range(first, last))
        numbers = range(first, last)
        return iter(DataLoader(batches, None, sampler=numbers, num_workers=WORKERS, pin_memory=True, prefetch_factor=4))


class _Batches(Dataset[Batch]):
    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def __getitem__(self, number: int) -> Batch:
        codes, lengths, allowed = self.sampler.batch(number)
        return torch.from_numpy(codes), torch.from_numpy(lengths), torch.from_numpy(allowed)


def choose_backend(name: str, cache: Path) -> Backend:
    """Take the device that is named, or for ``auto`` a CUDA device where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type not in ("cpu", "cuda"):
        raise SystemExit(f"--device {name}: training runs on cpu and cuda")
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    return Backend(device, cache)
