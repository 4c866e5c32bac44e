"""Writes checkpoints as their publishers do, with seeded random weights that no wrong formula survives.

transformers' own initialisation (std 0.02, zero biases) would hide a missing bias or a swapped LayerNorm, so every
tensor is drawn anew, wide enough for each layer to matter.
"""

import argparse
import json
import math
from pathlib import Path

import esm
import torch
from safetensors.torch import save_file
from transformers import EsmConfig, EsmForMaskedLM, EsmModel

SEED = 7
TINY = {"num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256}
FULL_650M = {"num_hidden_layers": 33, "hidden_size": 1280, "num_attention_heads": 20, "intermediate_size": 5120}


def esm_config(**shape):
    return EsmConfig(
        **shape,
        vocab_size=33,
        pad_token_id=1,
        mask_token_id=32,
        position_embedding_type="rotary",
        emb_layer_norm_before=False,
        token_dropout=True,
        layer_norm_eps=1e-5,
        max_position_embeddings=1026,
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
    )


def randomise(model, seed=SEED):
    """Draw every tensor of a model; frequencies become fp16-rounded, as published ones are."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if name.endswith("inv_freq"):
                tensor.copy_(tensor.half())
            elif tensor.is_floating_point():
                tensor.normal_(generator=generator)
                if tensor.dim() == 2:
                    tensor /= math.sqrt(tensor.shape[1])
                else:
                    tensor.mul_(0.2).add_(1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0)
    return model.eval()


def transformers_model(shape, cls=EsmModel, seed=SEED, **kwargs):
    return randomise(cls(esm_config(**shape), **kwargs), seed)


def published_state(model):
    """A state dict under the names of the published files."""
    return {name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}


def write_config(folder: Path, model, **changes):
    values = model.config.to_dict() | {"architectures": ["EsmForMaskedLM"]} | changes
    (folder / "config.json").write_text(json.dumps(values))


def write_bare(folder, shape=TINY):
    """An EsmModel as it is saved today: no prefix, LayerNorm as gamma and beta."""
    model = transformers_model(shape, add_pooling_layer=False)
    model.save_pretrained(folder)
    return model


def write_prefixed(folder, shape=TINY, model_type="esm"):
    """The published layout of facebook/esm2_* and, as model_type fast_esm, of FastESM2_650: prefix esm., a head."""
    model = transformers_model(shape, EsmForMaskedLM)
    state = published_state(model)
    frequencies = state.pop("esm.rotary_embeddings.inv_freq")
    for layer in range(shape["num_hidden_layers"]):
        state[f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"] = frequencies.clone()
    state["esm.embeddings.position_embeddings.weight"] = torch.zeros(1026, shape["hidden_size"])
    state["esm.embeddings.position_ids"] = torch.arange(1026)[None]
    folder.mkdir(exist_ok=True)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    write_config(folder, model, model_type=model_type)
    return model.esm


def write_fast_esm(folder, shape=TINY):
    return write_prefixed(folder, shape, model_type="fast_esm")


def write_sharded(folder, shape=TINY):
    model = transformers_model(shape, EsmForMaskedLM)
    model.save_pretrained(folder, max_shard_size="100KB" if shape is TINY else "600MB")
    assert (folder / "model.safetensors.index.json").exists()
    return model.esm


def write_bin(folder, shape=TINY):
    model = transformers_model(shape, EsmForMaskedLM)
    folder.mkdir(exist_ok=True)
    torch.save(published_state(model), folder / "pytorch_model.bin")
    write_config(folder, model)
    return model.esm


def write_sharded_bin(folder, shape=TINY):
    model = transformers_model(shape, EsmForMaskedLM)
    folder.mkdir(exist_ok=True)
    state = sorted(published_state(model).items())
    halves = {"pytorch_model-00001-of-00002.bin": state[::2], "pytorch_model-00002-of-00002.bin": state[1::2]}
    for name, part in halves.items():
        torch.save(dict(part), folder / name)
    weight_map = {key: name for name, part in halves.items() for key, _ in part}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    write_config(folder, model)
    return model.esm


def fair_esm_model(shape=TINY):
    model = esm.model.esm2.ESM2(shape["num_hidden_layers"], shape["hidden_size"], shape["num_attention_heads"])
    return randomise(model)


def write_fair_esm(path, shape=TINY):
    """fair-esm's own .pt: its training names and its pickled Namespace; read back by fair-esm itself."""
    model = fair_esm_model(shape)
    state = {
        ("encoder." if name.startswith("lm_head") else "encoder.sentence_encoder.") + name: tensor.clone()
        for name, tensor in model.state_dict().items()
        if not name.startswith("contact_head")
    }
    arguments = argparse.Namespace(
        encoder_layers=shape["num_hidden_layers"],
        encoder_embed_dim=shape["hidden_size"],
        encoder_attention_heads=shape["num_attention_heads"],
        token_dropout=True,
        arch="esm2",
    )
    torch.save({"cfg": {"model": arguments}, "model": state}, path)
    reread, _ = esm.pretrained.load_model_and_alphabet_core("esm2_tiny", torch.load(path, weights_only=False), {
        "model": {name: tensor for name, tensor in model.state_dict().items() if name.startswith("contact_head")}
    })  # fmt: skip
    return reread.eval()


HF_LAYOUTS = {
    "bare": write_bare,
    "prefixed": write_prefixed,
    "fast_esm": write_fast_esm,
    "sharded": write_sharded,
    "bin": write_bin,
    "sharded bin": write_sharded_bin,
}
