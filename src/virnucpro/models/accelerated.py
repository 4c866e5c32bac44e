"""Whether the kernels of `triton_kernels` can be used: found by using one, because Triton needs a C compiler too."""

from __future__ import annotations

import logging
from functools import cache

import torch

__all__ = ["has_kernels"]

logger = logging.getLogger("virnucpro.models")


def has_kernels(device: torch.device) -> bool:
    """Whether this device runs Triton's kernels here; without gradients, which they do not have."""
    if device.type != "cuda" or torch.is_grad_enabled():
        return False
    return _works(torch.cuda.current_device() if device.index is None else device.index)


@cache
def _works(index: int) -> bool:
    device = torch.device("cuda", index)
    try:
        from virnucpro.models.triton_kernels import turn

        vectors = torch.ones(1, 2, 1, 2, dtype=torch.float16, device=device)
        turn(vectors, torch.zeros(1, 2, device=device), torch.ones(1, 2, device=device))
        right = vectors.flatten().tolist() == [-1.0, 1.0, -1.0, 1.0]
    except Exception as error:  # noqa: BLE001 - no Triton, no compiler, an old GPU: torch's own kernels do the same
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        logger.warning("Triton does not work on cuda:%d (%s), so torch's slower kernels are used", index, reason)
        return False
    return right
