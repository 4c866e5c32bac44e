"""How memory that runs out is told from every other error, and how free memory goes back."""

from __future__ import annotations

import ctypes

import torch

__all__ = ["is_out_of_memory", "return_free_memory"]

_TOLD = (
    "DefaultCPUAllocator: can't allocate memory",
    "MPS backend out of memory",
    "CUDA error: out of memory",  # torch.AcceleratorError: of the driver, not of torch's own allocator
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory of the host or of a device ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(told in str(error) for told in _TOLD)


def return_free_memory() -> None:
    """Give pages that hold nothing back to the system, where the C library can be asked to.

    Many small arrays of many sizes leave gaps that glibc keeps; between two parts is the moment to close them.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
