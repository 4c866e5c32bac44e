"""From published weights to an ESM-2 encoder: one canonical naming, three publishers, nothing left to chance.

transformers and Synthyra name tensors alike, with or without the prefix ``esm.``; fair-esm names them otherwise. Every
tensor of a checkpoint is either placed, or on the short list of what an encoder does not need (heads for other tasks);
everything else, missing, extra or misshaped, is an error that names it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from virnucpro.errors import WeightsError
from virnucpro.models.esm2 import ESM2, ESM2Config
from virnucpro.models.placement import Placement
from virnucpro.models.tokens import MASK, PAD, VOCABULARY
from virnucpro.models.weights import FileTensors, MemoryTensors, TensorSource, load_pickled, weight_files
from virnucpro.records import ModelIdentity

__all__ = ["Checkpoint", "open_checkpoint", "open_transformers_model"]

_HF_LAYER = {
    "attention.LayerNorm": "attention_norm",
    "attention.self.query": "query_key_value:0",
    "attention.self.key": "query_key_value:1",
    "attention.self.value": "query_key_value:2",
    "attention.output.dense": "attention_output",
    "LayerNorm": "feed_forward_norm",
    "intermediate.dense": "expand",
    "output.dense": "contract",
}
_FAIR_LAYER = {
    "self_attn_layer_norm": "attention_norm",
    "self_attn.q_proj": "query_key_value:0",
    "self_attn.k_proj": "query_key_value:1",
    "self_attn.v_proj": "query_key_value:2",
    "self_attn.out_proj": "attention_output",
    "final_layer_norm": "feed_forward_norm",
    "fc1": "expand",
    "fc2": "contract",
}
_TOP_LEVEL = {
    "embeddings.word_embeddings": "embedding",
    "encoder.emb_layer_norm_after": "final_norm",
    "embed_tokens": "embedding",
    "emb_layer_norm_after": "final_norm",
}
_PARAMETER_NAME = {"weight": "weight", "gamma": "weight", "bias": "bias", "beta": "bias"}
"""transformers 5 writes LayerNorm weights under TensorFlow's names, gamma and beta."""

_INVERSE_FREQUENCIES = re.compile(r"(?:^|\.)(?:rotary_embeddings|rot_emb)\.inv_freq$")
_NOT_NEEDED = re.compile(
    r"(?:^|\.)(?:embeddings\.position_embeddings\.weight|embeddings\.position_ids|pooler\..+|contact_head\..+|lm_head\..+)$"
)
_LAYER = re.compile(r"^(?:encoder\.layer|layers)\.(\d+)\.(.+)$")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights that were found and described, but not yet read.

    Attributes
    ----------
    config : ESM2Config
        Shape of the model.
    source : TensorSource
        Its tensors.
    name : str
        Catalog name or path, for messages and receipts.
    revision : str or None
        Pinned commit of the published repository.
    untrained : bool
        True when the weights come from a random generator.
    """

    config: ESM2Config
    source: TensorSource
    name: str
    revision: str | None = None
    untrained: bool = False

    @property
    def identity(self) -> ModelIdentity:
        """What a receipt says of these weights; reads files once for their digest."""
        architecture = {"model": "ESM-2", **asdict(self.config)}
        return ModelIdentity(self.name, self.revision, self.source.sha256, architecture, self.untrained)

    def load(self, placement: Placement) -> ESM2:
        """Build the encoder and fill it, tensor by tensor.

        Parameters
        ----------
        placement : Placement
            Device and number format of the weights; rotary frequencies stay in float32.

        Returns
        -------
        ESM2
            In evaluation mode, without gradients.

        Raises
        ------
        WeightsError
            If a tensor is missing, not known, or has another shape than the configuration says.
        """
        with torch.device("meta"):
            encoder = ESM2(self.config)
        targets = self._match(encoder)
        # The frequencies are replaced below when the checkpoint has them; this is the value when it has none.
        frequencies = ESM2(ESM2Config(0, self.config.width, self.config.heads, 0)).inverse_frequencies
        encoder = encoder.to(placement.dtype).to_empty(device=placement.device)
        encoder.inverse_frequencies = frequencies.to(placement.device)
        slots = dict(encoder.named_parameters()) | dict(encoder.named_buffers())
        filled: set[str] = set()
        with torch.no_grad():
            for name, tensor in self.source.read(targets):
                rows = _rows(slots, target := targets[name])
                if target in filled and not torch.equal(rows, tensor.to(rows)):  # frequencies may come once per layer
                    raise WeightsError(f"{self.name} holds two different tensors for {target}, one of them {name}")
                filled.add(target)
                rows.copy_(tensor)
        return encoder.requires_grad_(False).eval().choose_attention()

    def _match(self, encoder: ESM2) -> dict[str, str]:
        """Decide where every tensor goes, before any is read: from publisher's name to ``parameter[:third]``."""
        slots = dict(encoder.named_parameters()) | dict(encoder.named_buffers())
        targets, extra, misshaped = {}, [], []
        for name, shape in self.source.shapes().items():
            target = canonical_name(name)
            if target is None:
                continue
            if target.partition(":")[0] not in slots:
                extra.append(name)
            elif shape != (expected := tuple(_rows(slots, target).shape)):
                misshaped.append(f"{name} {shape} instead of {expected}")
            else:
                targets[name] = target
        placed = set(targets.values())
        thirds = {slot: {f"{slot}:{third}" for third in range(3)} for slot in slots}
        missing = [slot for slot in slots if not ({slot} <= placed or thirds[slot] <= placed)]
        missing = [slot for slot in missing if slot != "inverse_frequencies"]  # can be computed
        problems = {"missing": missing, "not part of ESM-2": extra, "misshaped": misshaped}
        if any(problems.values()):
            told = "; ".join(f"{what}: {_some(names)}" for what, names in problems.items() if names)
            raise WeightsError(f"{self.name} does not fit the ESM-2 that its configuration describes: {told}")
        return targets


def canonical_name(name: str) -> str | None:
    """Say where a published tensor belongs in `ESM2`.

    Parameters
    ----------
    name : str
        As fair-esm, transformers or Synthyra wrote it.

    Returns
    -------
    str or None
        A parameter's name, with ``:0``, ``:1`` or ``:2`` for the query, key and value third of it; the name as it came
        when `ESM2` has no such tensor; None when an encoder does not need it.
    """
    if _NOT_NEEDED.search(name):
        return None
    if _INVERSE_FREQUENCIES.search(name):
        return "inverse_frequencies"
    bare = name.removeprefix("esm.")
    if not bare.startswith("encoder.layer.") and not bare.startswith("encoder.emb_layer_norm_after."):
        bare = bare.removeprefix("encoder.").removeprefix("sentence_encoder.")
    module, _, parameter = bare.rpartition(".")
    parameter = _PARAMETER_NAME.get(parameter, "")
    if not parameter:
        return name
    if layer := _LAYER.match(module):
        naming = _HF_LAYER if module.startswith("encoder.") else _FAIR_LAYER
        found, _, third = naming.get(layer[2], "").partition(":")
        return f"layers.{layer[1]}.{found}.{parameter}" + (f":{third}" if third else "") if found else name
    return f"{_TOP_LEVEL[module]}.{parameter}" if module in _TOP_LEVEL else name


def open_checkpoint(path: Path, name: str | None = None, revision: str | None = None) -> Checkpoint:
    """Recognise the weights at a path; reads names and shapes, not values.

    Parameters
    ----------
    path : Path
        A folder with `config.json` and weights, or fair-esm's `.pt` file.
    name : str, optional
        What to call it; by default the path.
    revision : str, optional
        Pinned commit, when it came from a repository.

    Returns
    -------
    Checkpoint
        Ready to load.

    Raises
    ------
    WeightsError
        If nothing is there, or it is not an ESM-2.
    """
    name = name or str(path)
    if path.is_dir():
        config = read_config(_read_json(path / "config.json"), str(path / "config.json"))
        return Checkpoint(config, FileTensors(weight_files(path)), name, revision)
    if not path.exists():
        raise WeightsError(f"no model at {path}: neither a known name nor a folder or .pt file; see 'virnucpro models'")
    if path.suffix != ".pt":
        raise WeightsError(f"{path} is a single file but not fair-esm's .pt; give the folder with its config.json")
    return Checkpoint(_fair_esm_config(path), FileTensors([path]), name, revision)


def open_transformers_model(model: torch.nn.Module) -> Checkpoint:
    """Take the weights of a transformers EsmModel or a Synthyra FastEsmModel that is in memory.

    Parameters
    ----------
    model : torch.nn.Module
        With `config` and a state dict as those classes have them.

    Returns
    -------
    Checkpoint
        Ready to load; its name is the model's class.

    Raises
    ------
    WeightsError
        If the model is not an ESM-2.
    """
    kind = type(model).__name__
    config = getattr(model, "config", None)
    if config is None or not hasattr(config, "to_dict"):
        raise WeightsError(f"model is a {kind}; give an EsmModel, a FastEsmModel or an encoder of this package")
    tensors: Mapping[str, Tensor] = model.state_dict()
    return Checkpoint(read_config(config.to_dict(), f"the configuration of {kind}"), MemoryTensors(tensors), kind)


def read_config(values: Mapping[str, Any], where: str) -> ESM2Config:
    """Read the shape of an ESM-2 from a `config.json` of model_type ``esm`` or ``fast_esm``.

    Parameters
    ----------
    values : mapping
        The file's content. Nothing is defaulted: the published classes' defaults are wrong for ESM-2.
    where : str
        Its place, for messages.

    Returns
    -------
    ESM2Config
        The shape.

    Raises
    ------
    WeightsError
        If a key is missing or says that this is another architecture.
    """
    required = {
        "model_type": ("esm", "fast_esm"),
        "position_embedding_type": ("rotary",),
        "emb_layer_norm_before": (False, None),
        "vocab_size": (len(VOCABULARY),),
        "pad_token_id": (PAD,),
        "mask_token_id": (MASK,),
    }
    shape = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "token_dropout")
    missing = [key for key in (*required, *shape, "layer_norm_eps") if key not in values]
    if missing:
        raise WeightsError(f"{where} lacks {', '.join(missing)}; these are never guessed")
    wrong = [
        f"{key} is {values[key]!r}, not {known[0]!r}" for key, known in required.items() if values[key] not in known
    ]
    if wrong:
        raise WeightsError(f"{where} does not describe an ESM-2: {'; '.join(wrong)}")
    layers, width, heads, feed_forward, token_dropout = (values[key] for key in shape)
    base = float(values.get("rope_theta") or 10000.0)
    return ESM2Config(layers, width, heads, feed_forward, bool(token_dropout), float(values["layer_norm_eps"]), base)


def _fair_esm_config(path: Path) -> ESM2Config:
    loaded = load_pickled(path)
    try:
        model = loaded["cfg"]["model"]
        values = vars(model) if isinstance(model, argparse.Namespace) else model
        layers, width = int(values["encoder_layers"]), int(values["encoder_embed_dim"])
        heads, token_dropout = int(values["encoder_attention_heads"]), bool(values["token_dropout"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path} is not fair-esm's ESM-2: its cfg.model has no {error}") from error
    return ESM2Config(layers, width, heads, 4 * width, token_dropout)


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{path.parent} has no config.json; copy it beside the weights") from error
    except (ValueError, OSError) as error:
        raise WeightsError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path} holds a {type(values).__name__}, not a configuration")
    return values


def _rows(slots: Mapping[str, Tensor], target: str) -> Tensor:
    """The part of a parameter that a published tensor fills."""
    slot, _, third = target.partition(":")
    return slots[slot].chunk(3)[int(third)] if third else slots[slot]


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
