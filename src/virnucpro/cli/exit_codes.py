"""Exit codes of the command."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """Exit codes of every verb; 1 is a bug, raised by Python itself.

    `verify` and `doctor` give WEIGHTS_DEVICE_OR_DISK when a check fails. Only `compare` gives
    DIFFERENT: the calls of two runs differ.
    """

    DONE = 0
    USAGE = 2
    BAD_INPUT = 3
    WEIGHTS_DEVICE_OR_DISK = 4
    SOME_FAILED = 5
    DIFFERENT = 6
    INTERRUPTED = 130
    TERMINATED = 143
