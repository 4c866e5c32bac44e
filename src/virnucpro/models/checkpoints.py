"""Open the weights at a path, or of a model in memory, by the architecture that the configuration names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

from torch import nn

from virnucpro.errors import ConfigError, WeightsError, shown
from virnucpro.models.matching import Checkpoint, read_config
from virnucpro.models.registry import ARCHITECTURES, architecture_of

__all__ = ["AnyCheckpoint", "open_checkpoint", "open_model_in_memory"]

AnyCheckpoint: TypeAlias = Checkpoint[Any]


def open_checkpoint(path: Path, name: str | None = None, revision: str | None = None) -> AnyCheckpoint:
    """Recognise the weights at a path; only names and shapes are read."""
    name = name or str(path)
    if os.path.isdir(path):  # Path.is_dir raises for long names
        values = read_config(path / "config.json")
        architecture = architecture_of(values, str(path / "config.json"))
        return architecture.checkpoint.open(path, values, name, revision)
    if not os.path.exists(path):
        raise ConfigError(
            f"no model at {shown(str(path))}: neither a known name nor a folder or .pt file; see 'virnucpro models'"
        )
    for architecture in ARCHITECTURES:
        if path.suffix and path.suffix == architecture.single_file:
            return architecture.checkpoint.open_file(path, name, revision)
    raise WeightsError(f"{path} is a single file but not fair-esm's .pt; give the folder with its config.json")


def open_model_in_memory(model: nn.Module, tokenizer: Any = None) -> AnyCheckpoint:  # noqa: ANN401
    """Take the weights of a model built by transformers or by its publisher's code."""
    kind, config = type(model).__name__, getattr(model, "config", None)
    if config is None or not hasattr(config, "to_dict"):
        raise WeightsError(f"model is a {kind}; give an EsmModel, a FastEsmModel, a DNABERT-S or load_encoder(...)")
    values = config.to_dict()
    architecture = architecture_of(values, f"the configuration of {kind}")
    return architecture.checkpoint.take_over(model, values, tokenizer)
