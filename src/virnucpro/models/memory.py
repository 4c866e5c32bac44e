"""Recognise out-of-memory errors, and return free memory to the system."""

from __future__ import annotations

import ctypes

import torch

__all__ = ["is_out_of_memory", "return_free_memory"]

_TOLD = (
    "DefaultCPUAllocator: can't allocate memory",
    "MPS backend out of memory",
    "CUDA error: out of memory",  # torch.AcceleratorError: raised by the driver, not by torch's allocator
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory of the host or of a device ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(told in str(error) for told in _TOLD)


def return_free_memory() -> None:
    """Return free pages to the system, if the C library can do so.

    Many small arrays of different sizes leave gaps that glibc keeps.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
