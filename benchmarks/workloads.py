"""What is measured: full-size models with seeded random weights, and seeded sequences with the lengths of real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

CACHE = Path(__file__).parent / ".cache"
ESM2_SHAPE = {"num_hidden_layers": 33, "hidden_size": 1280, "num_attention_heads": 20, "intermediate_size": 5120}
DNA_SHAPE = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
VOCABULARY = 4096
Shape = Mapping[str, int]
RESIDUES, BASES = list("LAGVSERTIDPKQNFYMHWC"), list("ACGT")


def write_esm2(folder: Path = CACHE / "esm2_650m_random", shape: Shape = ESM2_SHAPE, device: str = "cpu") -> Path:
    """Write the 650M shape, or another, as transformers saves it, in half precision, once."""
    from transformers import EsmConfig, EsmModel

    if (folder / "model.safetensors").exists():
        return folder
    config = EsmConfig(
        **shape, vocab_size=33, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary",
        emb_layer_norm_before=False, token_dropout=True, layer_norm_eps=1e-5,
    )  # fmt: skip
    with torch.device("meta"):
        named = EsmModel(config, add_pooling_layer=False).named_parameters()
        shapes = {name: tuple(tensor.shape) for name, tensor in named}
    config.save_pretrained(folder)
    save_file(_drawn(shapes, device), folder / "model.safetensors", {"format": "pt"})
    return folder


def write_dnabert_s(folder: Path = CACHE / "dnabert_s_random", shape: Shape = DNA_SHAPE, device: str = "cpu") -> Path:
    """Write the DNABERT-S shape, or another, under its published names, with a tokenizer of its size, once."""
    if (folder / "tokenizer.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config = dict(shape) | {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2}
    config |= {"alibi_starting_size": 512, "vocab_size": VOCABULARY}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(_drawn(_dnabert_s_shapes(shape), device), folder / "model.safetensors")
    _dna_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def _dnabert_s_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    width, feed_forward = shape["hidden_size"], shape["intermediate_size"]
    shapes = {"embeddings.word_embeddings": (VOCABULARY, width), "embeddings.token_type_embeddings": (2, width)}
    for layer in (f"encoder.layer.{number}." for number in range(shape["num_hidden_layers"])):
        shapes |= {layer + "attention.self.Wqkv": (3 * width, width), layer + "attention.output.dense": (width, width)}
        shapes |= {layer + "mlp.gated_layers": (2 * feed_forward, width), layer + "mlp.wo": (width, feed_forward)}
        shapes |= {layer + "attention.output.LayerNorm": (width,), layer + "mlp.layernorm": (width,)}
    shapes["embeddings.LayerNorm"] = (width,)
    without_bias = ("word_embeddings", "token_type_embeddings", "gated_layers")
    biases = {f"{name}.bias": (rows[0],) for name, rows in shapes.items() if not name.endswith(without_bias)}
    return {f"{name}.weight": rows for name, rows in shapes.items()} | biases


def _drawn(shapes: Mapping[str, tuple[int, ...]], device: str) -> dict[str, torch.Tensor]:
    """Seeded weights in float16: matrices are random, norms are ones, biases are zeros."""
    generator = torch.Generator(device).manual_seed(0)
    tensors = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            drawn = torch.randn(shape, generator=generator, device=device).mul_(0.02)
        else:
            drawn = torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
        tensors[name] = drawn.half().cpu()
    return tensors


def _dna_tokenizer() -> Tokenizer:
    """Byte pairs learned from random bases: about as many bases per token as the published ones."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    generator = np.random.default_rng(0)
    corpus = ["".join(generator.choice(BASES, 500)) for _ in range(400)]
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


def lengths(kind: str, count: int) -> list[int]:
    """Residues or bases of each sequence; the same for the same kind and count."""
    generator = np.random.default_rng(0)
    if kind == "proteome":  # lognormal, median 270, to 1,024
        return np.clip(np.exp(generator.normal(np.log(270), 0.6, count)), 30, 1024).astype(int).tolist()
    if kind == "mean350":  # the same spread, for proteins with a mean of 350 residues
        drawn = np.clip(np.exp(generator.normal(np.log(300), 0.6, count)), 30, 1024)
        return np.maximum(drawn * 350 / drawn.mean(), 1).astype(int).clip(max=1024).tolist()
    if kind == "equal":
        return [254] * count
    least, most = {"frames500": (99, 166), "frames300": (60, 100), "dna500": (300, 500), "dna300": (180, 300)}[kind]
    return generator.integers(least, most + 1, count).tolist()


def write_sequences(kind: str, count: int, folder: Path = CACHE) -> Path:
    """Write FASTA of one kind."""
    folder.mkdir(exist_ok=True)
    path, generator = folder / f"{kind}_{count}.fa", np.random.default_rng(1)
    letters = BASES if kind.startswith("dna") else RESIDUES
    texts = ["".join(generator.choice(letters, length)) for length in lengths(kind, count)]
    path.write_text("".join(f">{kind}{number}\n{text}\n" for number, text in enumerate(texts)))
    return path
