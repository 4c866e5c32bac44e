"""The trained model inside the package: `mini`, its DNA half `mini-dna`, and the classifier that joins them.

They are files in the published layouts, read by the loaders of all other weights; nothing is fetched.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from virnucpro.errors import WeightsError
from virnucpro.models.catalog import MINI, PACKAGED
from virnucpro.models.checkpoints import AnyCheckpoint, open_checkpoint
from virnucpro.models.classifier import Classifier, load_classifier

__all__ = ["MINI_FOLDER", "is_here", "open_packaged", "packaged_classifier"]

MINI_FOLDER = Path(str(files("virnucpro"))) / "data" / MINI
CLASSIFIER_FILE = "classifier.safetensors"


def is_here(name: str) -> bool:
    """Say whether this installation holds a half of the model."""
    return (MINI_FOLDER / PACKAGED[name].folder / "config.json").exists()


def open_packaged(name: str) -> AnyCheckpoint:
    """Open one half of the model."""
    folder = MINI_FOLDER / PACKAGED[name].folder
    if not is_here(name):
        raise _not_here(name, folder)
    checkpoint = open_checkpoint(folder, name)
    return replace(checkpoint, revision=checkpoint.source.sha256)


def packaged_classifier() -> Classifier:
    """Load the classifier that joins both halves."""
    path = MINI_FOLDER / CLASSIFIER_FILE
    if not path.exists():
        raise _not_here(MINI, path)
    return replace(load_classifier(path), name=MINI)


def _not_here(name: str, path: Path) -> WeightsError:
    return WeightsError(
        f"the weights of {name} are not in this installation\n"
        f"looked for {path}\n"
        "install the package again, its wheel holds them; or name other models: --classifier FILE, --model NAME"
    )
