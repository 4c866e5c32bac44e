"""From a path, or a model in memory, to a checkpoint of the architecture that its configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import torch

from virnucpro.errors import WeightsError
from virnucpro.models import dnabert_s_checkpoints as dnabert_s
from virnucpro.models import esm2_checkpoints as esm2
from virnucpro.models.dna_tokens import TOKENIZER_FILE, DnaTokenizer
from virnucpro.models.dnabert_s_checkpoints import DNABERTSCheckpoint
from virnucpro.models.esm2_checkpoints import ESM2Checkpoint
from virnucpro.models.matching import read_json
from virnucpro.models.weights import FileTensors, MemoryTensors, weight_files

__all__ = ["AnyCheckpoint", "open_checkpoint", "open_remote_code_model", "open_transformers_model"]

AnyCheckpoint: TypeAlias = ESM2Checkpoint | DNABERTSCheckpoint


def open_checkpoint(path: Path, name: str | None = None, revision: str | None = None) -> AnyCheckpoint:
    """Recognise the weights at a path; reads names and shapes, not values."""
    name = name or str(path)
    if path.is_dir():
        return _open_folder(path, name, revision)
    if not path.exists():
        raise WeightsError(f"no model at {path}: neither a known name nor a folder or .pt file; see 'virnucpro models'")
    if path.suffix != ".pt":
        raise WeightsError(f"{path} is a single file but not fair-esm's .pt; give the folder with its config.json")
    return ESM2Checkpoint(FileTensors([path]), name, revision, config=esm2.read_fair_esm_config(path))


def _open_folder(folder: Path, name: str, revision: str | None) -> AnyCheckpoint:
    """Both kinds of BERT say so in their configuration; everything else is read as an ESM-2 and named if it is none."""
    where = folder / "config.json"
    values = read_json(where)
    if values.get("model_type") == "bert":
        shape = dnabert_s.read_config(values, str(where))
        tokenizer = DnaTokenizer.read(folder / TOKENIZER_FILE)
        source = FileTensors(weight_files(folder))
        return DNABERTSCheckpoint(source, name, revision, config=shape, tokenizer=tokenizer)
    config = esm2.read_config(values, str(where))
    return ESM2Checkpoint(FileTensors(weight_files(folder)), name, revision, config=config)


def open_transformers_model(model: torch.nn.Module) -> ESM2Checkpoint:
    """Take the weights of a transformers EsmModel or a Synthyra FastEsmModel that is in memory."""
    kind = type(model).__name__
    config = getattr(model, "config", None)
    if config is None or not hasattr(config, "to_dict"):
        raise WeightsError(f"model is a {kind}; give an EsmModel, a FastEsmModel or an encoder of this package")
    shape = esm2.read_config(config.to_dict(), f"the configuration of {kind}")
    return ESM2Checkpoint(MemoryTensors(model.state_dict()), kind, config=shape)


def open_remote_code_model(model: torch.nn.Module, tokenizer: Any) -> DNABERTSCheckpoint:  # noqa: ANN401
    """Take the weights of a DNABERT-S in memory, as transformers makes it with its publisher's own code."""
    kind = type(model).__name__
    config = getattr(model, "config", None)
    if config is None or not hasattr(config, "to_dict"):
        raise WeightsError(f"model is a {kind}; give a DNABERT-S or load_encoder('dnabert-s')")
    shape = dnabert_s.read_config(config.to_dict(), f"the configuration of {kind}")
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise WeightsError(f"tokenizer is a {type(tokenizer).__name__}; give the one that belongs to the model")
    tokens = DnaTokenizer(backend.to_str(), f"the tokenizer of {kind}")
    return DNABERTSCheckpoint(MemoryTensors(model.state_dict()), kind, config=shape, tokenizer=tokens)
