"""What a self-test, or a look at finished results, reports."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Check"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    name: str  # what was checked
    passed: bool
    found: str  # the figure
