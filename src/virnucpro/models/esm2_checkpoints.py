"""ESM-2 as an encoder: weights of three publishers and raw proteins in, vectors out.

transformers and Synthyra name tensors alike, with or without the prefix ``esm.``; fair-esm uses other names.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor, nn

from virnucpro.errors import WeightsError
from virnucpro.models.attention import choose_attention
from virnucpro.models.encoders import PackedEncoder, Tokens, for_inference
from virnucpro.models.esm2 import ESM2, ESM2Config
from virnucpro.models.matching import PARAMETER_NAME, Checkpoint, Kind, require
from virnucpro.models.placement import Placement
from virnucpro.models.pooling import RESIDUES
from virnucpro.models.registry import ESM2 as ENTRY
from virnucpro.models.tokens import MASK, PAD, VOCABULARY, encode_proteins
from virnucpro.models.weights import FileTensors, MemoryTensors, load_pickled, weight_files
from virnucpro.sequences.proteins import clean_protein

__all__ = ["ESM2Checkpoint", "ProteinEncoder"]

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
_INVERSE_FREQUENCIES = re.compile(r"(?:^|\.)(?:rotary_embeddings|rot_emb)\.inv_freq$")
_NOT_NEEDED = re.compile(
    r"(?:^|\.)(?:embeddings\.position_embeddings\.weight|embeddings\.position_ids|pooler\..+|contact_head\..+|lm_head\..+)$"
)
_LAYER = re.compile(r"^(?:encoder\.layer|layers)\.(\d+)\.(.+)$")


@dataclass(frozen=True, eq=False)
class ProteinEncoder(PackedEncoder):
    """ESM-2 with its tokenizer; vectors are made of residues."""

    architecture = ENTRY
    used = RESIDUES

    def tokenise(self, sequences: Sequence[str], max_residues: int) -> Tokens:
        """Clean, truncate and tokenise raw proteins."""
        clean = [clean_protein(sequence, max_residues) for sequence in sequences]
        return Tokens(
            encode_proteins([one.residues for one in clean]),
            np.array([len(one.residues) for one in clean], np.int64),
            np.array([one.truncated for one in clean], bool),
            np.array([one.replaced for one in clean], np.int64),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class ESM2Checkpoint(Checkpoint[ESM2]):
    """Weights of an ESM-2."""

    architecture: ClassVar = ENTRY

    config: ESM2Config

    @classmethod
    def open(cls, folder: Path, values: Mapping[str, Any], name: str, revision: str | None) -> Self:
        """Describe the weights in a folder, as transformers or Synthyra publish them."""
        config = read_config(values, str(folder / "config.json"))
        return cls(FileTensors(weight_files(folder)), name, revision, config=config)

    @classmethod
    def open_file(cls, path: Path, name: str, revision: str | None) -> Self:
        """Describe the weights in a `.pt` file of fair-esm."""
        return cls(FileTensors([path]), name, revision, config=read_fair_esm_config(path))

    @classmethod
    def take_over(cls, model: nn.Module, values: Mapping[str, Any], tokenizer: Any) -> Self:  # noqa: ANN401, ARG003
        """Describe the weights of a transformers EsmModel or a Synthyra FastEsmModel; its tokenizer is not used."""
        kind = type(model).__name__
        return cls(MemoryTensors(model.state_dict()), kind, config=read_config(values, f"the configuration of {kind}"))

    @property
    def layers(self) -> int:
        """Number of blocks."""
        return self.config.layers

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.config.width

    def encoder(self, placement: Placement) -> ProteinEncoder:
        """Read the weights into an encoder."""
        return ProteinEncoder(for_inference(self, placement), self.identity, placement)

    def describe(self) -> dict[str, Any]:
        """Describe what the weights do not determine."""
        return asdict(self.config)

    def build(self, placement: Placement) -> ESM2:
        """Build the model without weights."""
        return ESM2(self.config, choose_attention(placement.device, placement.dtype))

    def computed(self) -> dict[str, Tensor]:
        """Rotary frequencies for a checkpoint without them."""
        return {"inverse_frequencies": ESM2(replace(self.config, layers=0)).inverse_frequencies}

    def canonical_name(self, name: str) -> str | None:
        """Map a tensor name of fair-esm, transformers or Synthyra to `ESM2`."""
        if _NOT_NEEDED.search(name):
            return None
        if _INVERSE_FREQUENCIES.search(name):
            return "inverse_frequencies"
        bare = name.removeprefix("esm.")
        if not bare.startswith("encoder.layer.") and not bare.startswith("encoder.emb_layer_norm_after."):
            bare = bare.removeprefix("encoder.").removeprefix("sentence_encoder.")
        module, _, parameter = bare.rpartition(".")
        parameter = PARAMETER_NAME.get(parameter, "")
        if not parameter:
            return name
        if layer := _LAYER.match(module):
            naming = _HF_LAYER if module.startswith("encoder.") else _FAIR_LAYER
            found, _, third = naming.get(layer[2], "").partition(":")
            return f"layers.{layer[1]}.{found}.{parameter}" + (f":{third}" if third else "") if found else name
        return f"{_TOP_LEVEL[module]}.{parameter}" if module in _TOP_LEVEL else name


def read_config(values: Mapping[str, Any], where: str) -> ESM2Config:
    """Read the shape of an ESM-2 from a `config.json` of model_type ``esm`` or ``fast_esm``."""
    required = {
        "model_type": ("esm", "fast_esm"),
        "position_embedding_type": ("rotary",),
        "emb_layer_norm_before": (False, None),
        "vocab_size": (len(VOCABULARY),),
        "pad_token_id": (PAD,),
        "mask_token_id": (MASK,),
    }
    shape = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    kinds = dict.fromkeys(shape, Kind.WHOLE) | {"num_hidden_layers": Kind.LAYERS}
    kinds |= {"token_dropout": Kind.FLAG, "layer_norm_eps": Kind.NUMBER}
    if values.get("rope_theta") is not None:
        kinds["rope_theta"] = Kind.NUMBER
    what = f"{where} does not describe an ESM-2"
    require(values, what, required, kinds, ("hidden_size", "num_attention_heads"), even=True)
    layers, width, heads, feed_forward = (values[key] for key in shape)
    eps, base = float(values["layer_norm_eps"]), float(values.get("rope_theta") or 10000.0)
    return ESM2Config(layers, width, heads, feed_forward, values["token_dropout"], eps, base)


def read_fair_esm_config(path: Path) -> ESM2Config:
    """Read the shape of an ESM-2 from fair-esm's `.pt` file."""
    loaded = load_pickled(path)
    what = f"{path} is not fair-esm's ESM-2"
    try:
        model = loaded["cfg"]["model"]
    except (KeyError, TypeError, IndexError) as error:
        raise WeightsError(f"{what}: it has no cfg.model") from error
    values = vars(model) if isinstance(model, argparse.Namespace) else model
    if not isinstance(values, dict):
        raise WeightsError(f"{what}: its cfg.model is a {type(values).__name__}")
    shape = ("encoder_layers", "encoder_embed_dim", "encoder_attention_heads")
    kinds = dict.fromkeys(shape, Kind.WHOLE) | {"encoder_layers": Kind.LAYERS, "token_dropout": Kind.FLAG}
    require(values, what, {}, kinds, ("encoder_embed_dim", "encoder_attention_heads"), even=True)
    layers, width, heads = (values[key] for key in shape)
    return ESM2Config(layers, width, heads, 4 * width, values["token_dropout"])
