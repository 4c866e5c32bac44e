"""Where the kernels of `triton_kernels` run: tried on each device, because Triton also needs a C compiler."""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType

import torch
from torch import Tensor

from virnucpro.models.pack import Pack

__all__ = ["AMPERE", "HALVES", "kernels"]

logger = logging.getLogger("virnucpro.models")

AMPERE = (8, 0)
"""First CUDA compute capability with flash attention, and the first that Triton supports in both half precisions."""
HALVES = (torch.float16, torch.bfloat16)
HEAD_WIDTH = 64


def kernels(device: torch.device) -> ModuleType | None:
    """Give the kernels if this device runs them; None otherwise, and where gradients are wanted."""
    if device.type != "cuda" or torch.is_grad_enabled():
        return None
    return _tried(torch.cuda.current_device() if device.index is None else device.index)


@cache
def _tried(index: int) -> ModuleType | None:
    device = torch.device("cuda", index)
    if torch.cuda.get_device_capability(device) < AMPERE:
        return None
    try:
        from virnucpro.models import triton_kernels

        wrong = [dtype for dtype in HALVES if not _right(triton_kernels, device, dtype)]
        reason = f"wrong results in {wrong}" if wrong else ""
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - no Triton, no compiler, an unknown GPU: torch's own kernels do the same
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if not reason:
        return triton_kernels
    logger.warning(
        "Triton does not work on cuda:%d (%s), so slower kernels are used; it needs a C compiler and Python's headers",
        index, reason,
    )  # fmt: skip
    return None


def _right(found: ModuleType, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether all kernels give what is known beforehand."""
    ones = torch.ones(3, 3, 2, HEAD_WIDTH, dtype=dtype, device=device)
    pack = Pack(torch.zeros(3, dtype=torch.int64, device=device), (2, 1))
    results: list[tuple[Tensor, float]] = [
        (found.attend_with_alibi(*ones.unbind(1), pack, torch.ones(2, device=device)), 1.0),
        (found.gate(ones.flatten(1)), 0.8413),
    ]
    angles = torch.ones(3, 1, 1, HEAD_WIDTH, device=device)
    found.turn(ones[:, :2], angles, 2 * angles)
    results += [(ones[..., : HEAD_WIDTH // 2][:, :2], -1.0), (ones[..., HEAD_WIDTH // 2 :][:, :2], 3.0)]
    return all(bool(((found - expected).abs() < 0.01).all()) for found, expected in results)
