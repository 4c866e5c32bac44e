"""Choose the device and number format of an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch

from virnucpro.errors import DeviceError, counted

__all__ = ["DTYPES", "Placement", "choose_placement"]

DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Placement:
    """A device and a number format."""

    device: torch.device  # of weights and batches
    dtype: torch.dtype  # of weights and computation; vectors are always float32

    @property
    def dtype_name(self) -> str:
        """``fp32``, ``bf16`` or ``fp16``."""
        return next(name for name, dtype in DTYPES.items() if dtype == self.dtype)

    def describe(self) -> str:
        """Describe device and number format for messages."""
        if self.device.type == "cuda":
            hardware = f"{self.device} ({torch.cuda.get_device_name(self.device)})"
        elif self.device.type == "cpu":
            amx = ", AMX" if cpu_has_amx() else ""
            hardware = f"cpu ({counted(torch.get_num_threads(), 'thread')}{amx})"
        else:
            hardware = str(self.device)
        return f"{hardware}, {self.dtype_name}"


def cpu_has_amx() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in tiles (AMX)."""
    return bool(torch.cpu._is_amx_tile_supported())


def choose_placement(device: str = "auto", dtype: str = "auto") -> Placement:
    """Choose device and number format."""
    chosen = _find_device(device)
    if dtype != "auto" and dtype not in DTYPES:
        raise DeviceError(f"unknown number format {dtype!r}; choose auto, {', '.join(DTYPES)}")
    if dtype != "auto":
        return Placement(chosen, DTYPES[dtype])
    if chosen.type == "cuda":
        return Placement(chosen, torch.float16)
    if chosen.type == "cpu" and cpu_has_amx():
        return Placement(chosen, torch.bfloat16)
    return Placement(chosen, torch.float32)


def _find_device(name: str) -> torch.device:
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.insert(0, "mps")
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())] + found
    if name == "auto":
        return torch.device(found[0])
    try:
        device = torch.device("cuda:0" if name == "cuda" else name)
    except RuntimeError as error:
        raise DeviceError(f"unknown device {name!r}; this machine has {', '.join(found)}") from error
    if str(device) not in found:
        raise DeviceError(f"no device {name!r}: torch {torch.__version__} finds {', '.join(found)} on this machine")
    return device
