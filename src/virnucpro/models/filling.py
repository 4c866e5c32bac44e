"""Fill a model with published tensors, on all threads.

Each module is cast, checked and converted while it is in the processor's cache, and its tensors are released before the
next ones are read. So the weights pass through memory once, and a model is never held in two formats.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from virnucpro.errors import WeightsError
from virnucpro.models.placement import DTYPES
from virnucpro.models.threads import lone_threads, threads_of_torch
from virnucpro.models.weights import TensorSource

__all__ = ["Convert", "fill", "rows_of", "unchanged"]

Convert: TypeAlias = Callable[[nn.Module], nn.Module]
"""What takes the place of a module once its weights are there."""

NUMBERS_IN_CACHE = 1 << 18
"""1 MB of float32, which stays in a core's cache between the check and the cast."""


def unchanged(module: nn.Module) -> nn.Module:
    """Keep a module."""
    return module


def fill(model: nn.Module, checkpoint: str, source: TensorSource, targets: Mapping[str, str], convert: Convert) -> None:
    """Copy tensors of a checkpoint into a model; `targets` maps each published name to ``parameter[:third]``."""
    filling = _Filling(model, checkpoint, source, targets, convert)
    is_metal = next(model.parameters()).device.type == "mps"  # torch's Metal backend is not made for several threads
    with lone_threads(1 if is_metal else threads_of_torch(), "weights") as pool:
        for group in source.groups(targets):
            by_module: dict[str, list[tuple[str, Tensor]]] = defaultdict(list)
            for name, tensor in group:
                by_module[_module_of(targets[name])].append((name, tensor))
            list(pool.map(filling.fill_module, by_module, by_module.values()))
            del group, by_module, name, tensor  # unmapped before more is read


def rows_of(parameter: Tensor, target: str) -> Tensor:
    """The slice of a parameter that a published tensor fills."""
    third = target.partition(":")[2]
    return parameter.chunk(3)[int(third)] if third else parameter


class _Filling:
    """A model and what it waits for; no two threads fill the same module."""

    def __init__(
        self, model: nn.Module, checkpoint: str, source: TensorSource, targets: Mapping[str, str], convert: Convert
    ) -> None:
        self._model, self._checkpoint, self._source, self._targets = model, checkpoint, source, targets
        self._convert = convert
        self._waiting: dict[str, set[str]] = defaultdict(set)
        self._filled: set[str] = set()
        for name, target in targets.items():
            self._waiting[_module_of(target)].add(name)

    @torch.no_grad()
    def fill_module(self, path: str, tensors: list[tuple[str, Tensor]]) -> None:
        """Place tensors of one module; convert it with the last of them."""
        module = self._model.get_submodule(path)
        for name, tensor in tensors:
            self._place(module, name, tensor)
            self._waiting[path].remove(name)
        if path and not self._waiting[path]:
            parent, _, last = path.rpartition(".")
            setattr(self._model.get_submodule(parent), last, self._convert(module))

    def _place(self, module: nn.Module, name: str, tensor: Tensor) -> None:
        target = self._targets[name]
        rows = rows_of(getattr(module, target.partition(":")[0].rpartition(".")[2]), target)
        if target in self._filled and not torch.equal(rows, tensor.to(rows)):  # frequencies may come once per layer
            raise WeightsError(f"{self._checkpoint} holds two different tensors for {target}, one of them {name}")
        self._filled.add(target)
        if not tensor.is_floating_point():
            raise WeightsError(f"{self._checkpoint}: {name} holds {tensor.dtype} instead of floating-point numbers")
        if not _copy(tensor, rows):
            self._require_finite(name, tensor, rows)

    def _require_finite(self, name: str, tensor: Tensor, rows: Tensor) -> None:
        """Refuse numbers that are not finite, and those that the model's format cannot hold."""
        exact = tensor.double()  # torch tells of some 8-bit formats only so
        if not exact.isfinite().all():
            where = self._source.file_of(name) or self._checkpoint
            raise WeightsError(f"{where}: {name} holds numbers that are not finite; download or export it again")
        if not rows.isfinite().all():
            dtype_name = next(name for name, dtype in DTYPES.items() if dtype == rows.dtype)
            wider = {torch.float16: "bf16 or fp32", torch.bfloat16: "fp32"}.get(rows.dtype)
            advice = f"; load it in {wider} (--dtype)" if wider else ""
            raise WeightsError(
                f"{self._checkpoint}: {name} holds numbers that {dtype_name} cannot, up to "
                f"{exact.abs().max().item():.4g}{advice}"
            )


def _module_of(target: str) -> str:
    return target.partition(":")[0].rpartition(".")[0]


def _copy(tensor: Tensor, rows: Tensor) -> bool:
    """Copy numbers, cast where formats differ; whether all of them are certainly finite before and after."""
    numbers, places, finite = tensor.reshape(-1), rows.view(-1), True
    step = NUMBERS_IN_CACHE if rows.device.type == "cpu" else len(numbers)
    for start in range(0, len(numbers), step):
        some = numbers[start : start + step]
        finite = finite and _fits(some, rows.dtype)
        places[start : start + step].copy_(some)
    return finite


def _fits(numbers: Tensor, dtype: torch.dtype) -> bool:
    """Whether numbers are certainly finite in a format, found in one pass."""
    if numbers.dtype == dtype:  # a sum, which takes half the time, is finite only if all of them are
        return math.isfinite(numbers.sum(dtype=torch.float32).item())
    low, high = torch.aminmax(numbers.float())
    largest = torch.finfo(dtype).max
    return -largest <= low.item() and high.item() <= largest
