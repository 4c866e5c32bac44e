"""From a trained network to the folder that lies in the package: both halves as their publishers write them.

Weights are in half precision. What the package's own loaders cannot read back is not written.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from recipes.mini.network import Mini
from recipes.mini.windows import MAX_BP, MIN_BP
from virnucpro.features.classifier import Classifier, load_classifier, serialise_classifier
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.catalog import MINI, MINI_DNA, PACKAGED
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.dnabert_s import DNABERTSConfig
from virnucpro.models.esm2 import ESM2Config
from virnucpro.models.tokens import MASK, PAD, VOCABULARY

__all__ = ["CLASSIFIER", "add_calibration", "export"]

CLASSIFIER = "classifier.safetensors"

RESIDUES, UNTRANSLATED = "ACDEFGHIKLMNPQRSTVWY", "BUZO"

_LAYER = re.compile(r"layers\.(\d+)\.(\w+)\.(\w+)")
_ESM2_NAMES = {
    "attention_norm": "attention.LayerNorm",
    "attention_output": "attention.output.dense",
    "feed_forward_norm": "LayerNorm",
    "expand": "intermediate.dense",
    "contract": "output.dense",
    "embedding": "embeddings.word_embeddings",
    "final_norm": "encoder.emb_layer_norm_after",
}
_DNABERT_NAMES = {
    "query_key_value": "attention.self.Wqkv",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "expand": "mlp.gated_layers",
    "contract": "mlp.wo",
    "feed_forward_norm": "mlp.layernorm",
    "embedding": "embeddings.word_embeddings",
    "token_type": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
}


def export(network: Mini, tokenizer: str, folder: Path, window_bp: int, training: dict[str, Any]) -> Classifier:
    """Write a network as the package reads it.

    Parameters
    ----------
    network : Mini
        Trained.
    tokenizer : str
        Text of its `tokenizer.json`.
    folder : Path
        Gets ``protein``, ``dna`` and the classifier, as yet without a calibration.
    window_bp : int
        Bases of a window where a user names none.
    training : dict
        How the network came to be.

    Returns
    -------
    Classifier
        Read back from what was written.
    """
    for half, config in ((MINI, _esm2_config(network)), (MINI_DNA, _dnabert_config(network))):
        place = folder / PACKAGED[half].folder
        place.mkdir(parents=True, exist_ok=True)
        tensors = _esm2_tensors(network) if half == MINI else _dnabert_tensors(network)
        halved = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
        save_file(halved, place / "model.safetensors", {"format": "pt"})
        (place / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / PACKAGED[MINI_DNA].folder / "tokenizer.json").write_text(tokenizer)
    protein, dna = (open_checkpoint(folder / PACKAGED[name].folder, name) for name in (MINI, MINI_DNA))
    of_dna, of_protein = (EncoderUse(half.width, half.identity) for half in (dna, protein))
    spec = FeatureSpec(window_bp, of_dna, of_protein, rows="longest", windows_bp=(MIN_BP, MAX_BP))
    model = network.classifier.half().eval()
    (folder / CLASSIFIER).write_bytes(serialise_classifier(Classifier(model, spec, training)))
    network.classifier.float()
    return load_classifier(folder / CLASSIFIER)


def add_calibration(folder: Path, calibration: dict[str, Any]) -> None:
    """Put a calibration into the classifier of a folder.

    Parameters
    ----------
    folder : Path
        From `export`.
    calibration : dict
        As `Calibration.to_dict` gives it.
    """
    found = load_classifier(folder / CLASSIFIER)
    content = serialise_classifier(replace(found, model=found.model.half(), calibration=calibration))
    (folder / CLASSIFIER).write_bytes(content)


def _esm2_tensors(network: Mini) -> dict[str, Tensor]:
    """Tensors of the protein half under transformers' names: queries, keys and values apart."""
    tensors = {}
    for name, tensor in network.protein.state_dict().items():
        if name == "inverse_frequencies":  # follow from the configuration
            continue
        if name == "embedding.weight":
            tensors[_published(name, _ESM2_NAMES)] = _with_averages_for_untranslated(tensor)
        elif "query_key_value" in name:
            layer, _, kind = _LAYER.fullmatch(name).groups()  # type: ignore[union-attr]
            for word, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                tensors[f"encoder.layer.{layer}.attention.self.{word}.{kind}"] = part
        else:
            tensors[_published(name, _ESM2_NAMES)] = tensor
    return tensors


def _with_averages_for_untranslated(vectors: Tensor) -> Tensor:
    """Give letters that no codon stands for the mean of the twenty residues."""
    others, residues = ([VOCABULARY.index(letter) for letter in letters] for letters in (UNTRANSLATED, RESIDUES))
    vectors = vectors.clone()
    vectors[others] = vectors[residues].mean(0)
    return vectors


def _dnabert_tensors(network: Mini) -> dict[str, Tensor]:
    return {_published(name, _DNABERT_NAMES): tensor for name, tensor in network.dna.state_dict().items()}


def _published(name: str, names: dict[str, str]) -> str:
    if layer := _LAYER.fullmatch(name):
        return f"encoder.layer.{layer[1]}.{names[layer[2]]}.{layer[3]}"
    module, _, kind = name.rpartition(".")
    return f"{names[module]}.{kind}"


def _shape(config: ESM2Config | DNABERTSConfig) -> dict[str, Any]:
    """What both publishers call by the same names."""
    return {
        "torch_dtype": str(torch.float16).removeprefix("torch."),
        "num_hidden_layers": config.layers,
        "hidden_size": config.width,
        "num_attention_heads": config.heads,
        "intermediate_size": config.feed_forward,
        "hidden_act": "gelu",
        "layer_norm_eps": config.layer_norm_eps,
    }


def _esm2_config(network: Mini) -> dict[str, Any]:
    config = network.protein.config
    return {
        "architectures": ["EsmModel"],
        "model_type": "esm",
        **_shape(config),
        "position_embedding_type": "rotary",
        "rope_theta": config.rope_base,
        "emb_layer_norm_before": False,
        "token_dropout": config.token_dropout,
        "vocab_size": len(VOCABULARY),
        "pad_token_id": PAD,
        "mask_token_id": MASK,
    }


def _dnabert_config(network: Mini) -> dict[str, Any]:
    config = network.dna.config
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        **_shape(config),
        "alibi_starting_size": 512,
        "vocab_size": config.vocabulary,
        "type_vocab_size": config.token_types,
    }
