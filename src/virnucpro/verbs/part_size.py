"""Size of parts: at most about half a minute of work, so that an interruption costs little."""

from __future__ import annotations

from virnucpro.models.placement import Placement, cpu_has_amx
from virnucpro.runs.plan import PartSize

__all__ = ["part_of_records", "part_of_windows"]

SECONDS = 30
MAX_WINDOWS, MAX_RECORDS = 10_000, 10_000
"""So many short reads take `mini` 2 s on one thread."""
MAX_LETTERS = 20_000_000
SMALLEST = 64
MAX_BYTES = 1 << 28
"""Of vectors, where every residue has one; a part is held in memory."""


def _flop_per_second(placement: Placement) -> float:
    """A rough, low estimate; it only affects the size of parts."""
    if placement.device.type == "cuda":
        return 50e12
    if placement.device.type == "mps":
        return 3e12
    import torch

    amx = cpu_has_amx() and placement.dtype == torch.bfloat16
    return torch.get_num_threads() * (500e9 if amx else 50e9)


def part_of_windows(placement: Placement, flop_per_token: float, window_bp: int, windows: int | None) -> PartSize:
    """Size of parts that are ranges of windows; `windows` is what the user asked for."""
    if windows is None:
        tokens_per_window = max(window_bp / 2, 1)  # both encoders, mostly one ORF a window
        estimate = SECONDS * _flop_per_second(placement) / (flop_per_token * tokens_per_window)
        windows = int(min(max(estimate, SMALLEST), MAX_WINDOWS))
    return PartSize(units=windows, letters=max(MAX_LETTERS, windows * window_bp))


def part_of_records(
    placement: Placement, flop_per_token: float, records: int | None, bytes_per_letter: int = 1
) -> PartSize:
    """Size of parts that are ranges of records; `records` is what the user asked for."""
    letters = min(int(SECONDS * _flop_per_second(placement) / flop_per_token), MAX_BYTES // bytes_per_letter)
    return PartSize(units=records or MAX_RECORDS, letters=min(max(letters, SMALLEST), MAX_LETTERS))
