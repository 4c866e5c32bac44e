"""The trained models that come with the package, in the same layouts as published models."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from virnucpro.errors import WeightsError
from virnucpro.models.checkpoints import AnyCheckpoint, open_checkpoint

__all__ = ["PACKAGED_FOLDER", "is_here", "not_here", "open_packaged"]

PACKAGED_FOLDER = Path(str(files("virnucpro"))) / "data"


def is_here(name: str) -> bool:
    """Whether this installation contains the weights of a packaged model."""
    return (PACKAGED_FOLDER / name / "config.json").exists()


def open_packaged(name: str) -> AnyCheckpoint:
    """Open a packaged model, whose files stay what they are while a process runs."""
    folder = PACKAGED_FOLDER / name
    if not is_here(name):
        raise not_here(name, folder)
    return _opened(folder, name)


@cache
def _opened(folder: Path, name: str) -> AnyCheckpoint:
    checkpoint = open_checkpoint(folder, name)
    return replace(checkpoint, revision=checkpoint.source.sha256)


def not_here(name: str, path: Path) -> WeightsError:
    """Make the error for an incomplete installation."""
    return WeightsError(
        f"the weights of {name} are not in this installation\n"
        f"looked for {path}\n"
        "install the package again, its wheel holds them; or name other models: --classifier FILE, --model NAME"
    )
