"""What is measured: full-size models with seeded random weights, and seeded sequences with the lengths of real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

CACHE = Path(__file__).parent / ".cache"
ESM2_SHAPE = {"num_hidden_layers": 33, "hidden_size": 1280, "num_attention_heads": 20, "intermediate_size": 5120}
DNA_SHAPE = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
VOCABULARY = 4096
RESIDUES, BASES = list("LAGVSERTIDPKQNFYMHWC"), list("ACGT")


def write_esm2() -> Path:
    """Write the 650M shape as transformers saves it, once."""
    from transformers import EsmConfig, EsmModel

    folder = CACHE / "esm2_650m_random"
    if not (folder / "model.safetensors").exists():
        torch.manual_seed(0)
        config = EsmConfig(
            **ESM2_SHAPE, vocab_size=33, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary",
            emb_layer_norm_before=False, token_dropout=True, layer_norm_eps=1e-5,
        )  # fmt: skip
        EsmModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def write_dnabert_s() -> Path:
    """Write the DNABERT-S shape under its published names, with a tokenizer of its size, once."""
    folder = CACHE / "dnabert_s_random"
    if (folder / "tokenizer.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config = DNA_SHAPE | {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2}
    config |= {"alibi_starting_size": 512, "vocab_size": VOCABULARY}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(_dnabert_s_tensors(), folder / "model.safetensors")
    _dna_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def _dnabert_s_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    width, feed_forward = DNA_SHAPE["hidden_size"], DNA_SHAPE["intermediate_size"]
    shapes = {"embeddings.word_embeddings": (VOCABULARY, width), "embeddings.token_type_embeddings": (2, width)}
    for layer in (f"encoder.layer.{number}." for number in range(DNA_SHAPE["num_hidden_layers"])):
        shapes |= {layer + "attention.self.Wqkv": (3 * width, width), layer + "attention.output.dense": (width, width)}
        shapes |= {layer + "mlp.gated_layers": (2 * feed_forward, width), layer + "mlp.wo": (width, feed_forward)}
        shapes |= {layer + "attention.output.LayerNorm": (width,), layer + "mlp.layernorm": (width,)}
    shapes["embeddings.LayerNorm"] = (width,)
    tensors = {}
    for name, shape in shapes.items():
        is_norm = len(shape) == 1
        tensors[f"{name}.weight"] = torch.ones(shape) if is_norm else 0.02 * torch.randn(shape, generator=generator)
        if not name.startswith("embeddings.") or is_norm:
            tensors[f"{name}.bias"] = torch.zeros(shape[0])
    return {name: tensor for name, tensor in tensors.items() if not name.endswith("gated_layers.bias")}


def _dna_tokenizer() -> Tokenizer:
    """Byte pairs learned from random bases: about as many bases per token as the published ones."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    generator = np.random.default_rng(0)
    corpus = ["".join(generator.choice(BASES, 500)) for _ in range(2000)]
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
    if kind == "equal":
        return [254] * count
    least, most = {"frames500": (99, 166), "frames300": (60, 100), "dna500": (300, 500), "dna300": (180, 300)}[kind]
    return generator.integers(least, most + 1, count).tolist()


def write_sequences(kind: str, count: int) -> Path:
    """Write FASTA of one kind."""
    CACHE.mkdir(exist_ok=True)
    path, generator = CACHE / f"{kind}_{count}.fa", np.random.default_rng(1)
    letters = BASES if kind.startswith("dna") else RESIDUES
    texts = ["".join(generator.choice(letters, length)) for length in lengths(kind, count)]
    path.write_text("".join(f">{kind}{number}\n{text}\n" for number, text in enumerate(texts)))
    return path
