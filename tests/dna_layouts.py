"""Writes DNABERT-S as it is published, with seeded random weights, and transformers' GteModel with the same ones.

GteModel is MosaicBERT's graph but for the positions: called with position 0 for every token its rotation turns nothing,
and ALiBi's bias goes in as a four-dimensional additive mask. Slopes stand here as numbers, not as the formula under test.
"""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import GteConfig, GteModel

from published_layouts import randomise

TINY_DNA = {"num_hidden_layers": 3, "hidden_size": 96, "num_attention_heads": 12, "intermediate_size": 160}
FULL_DNA = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
VOCABULARY = 300
SLOPE_EXPONENTS = (-1, -2, -3, -4, -5, -6, -7, -8, -0.5, -1.5, -2.5, -3.5)
SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def gte_model(shape=None, vocabulary=VOCABULARY, seed=7):
    config = GteConfig(
        **(shape or TINY_DNA),
        vocab_size=vocabulary,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        hidden_act="gelu",
        pad_token_id=None,
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
    )
    return randomise(GteModel(config), seed)


def gte_states(model, tokens):
    """One sequence at a time."""
    return [states[-1] for states in gte_layers(model, tokens)]


@torch.inference_mode()
def gte_layers(model, tokens):
    """States of all layers of each sequence, shape (layers + 1, tokens, D)."""
    slopes = torch.tensor([2.0**exponent for exponent in SLOPE_EXPONENTS])
    states = []
    for sequence in tokens:
        ids = torch.from_numpy(sequence)[None]
        positions = torch.arange(ids.shape[1])
        bias = -slopes[:, None, None] * (positions[:, None] - positions).abs()
        found = model(
            input_ids=ids, attention_mask=bias[None], position_ids=torch.zeros_like(ids), output_hidden_states=True
        )
        states.append(torch.stack(found.hidden_states)[:, 0])
    return states


def published_dna_state(model, prefix=""):
    """The 11 tensors of a layer, 4 of the embeddings and 2 of the pooler, under their published names."""
    state = model.state_dict()
    names = ("word_embeddings.weight", "token_type_embeddings.weight", "LayerNorm.weight", "LayerNorm.bias")
    published = {f"embeddings.{name}": state[f"embeddings.{name}"] for name in names}
    for number in range(model.config.num_hidden_layers):
        old, new = f"layers.{number}.", f"encoder.layer.{number}."
        for kind in ("weight", "bias"):
            parts = [state[f"{old}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            published[f"{new}attention.self.Wqkv.{kind}"] = torch.cat(parts)
            published[f"{new}attention.output.dense.{kind}"] = state[f"{old}self_attn.o_proj.{kind}"]
            published[f"{new}attention.output.LayerNorm.{kind}"] = state[f"{old}post_attention_layernorm.{kind}"]
            published[f"{new}mlp.wo.{kind}"] = state[f"{old}mlp.down_proj.{kind}"]
            published[f"{new}mlp.layernorm.{kind}"] = state[f"{old}post_mlp_layernorm.{kind}"]
        gate_and_up = [state[f"{old}mlp.{part}_proj.weight"] for part in ("gate", "up")]
        published[f"{new}mlp.gated_layers.weight"] = torch.cat(gate_and_up)
    width = model.config.hidden_size
    published |= {"pooler.dense.weight": torch.ones(width, width), "pooler.dense.bias": torch.ones(width)}
    return {prefix + name: tensor.clone().contiguous() for name, tensor in published.items()}


def dna_config(model):
    """The published config.json, its traps included: no 512-token limit, no absolute positions, 0 is not padding."""
    shape = {key: getattr(model.config, key) for key in TINY_DNA}
    return shape | {
        "alibi_starting_size": 512,
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "bert",
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "vocab_size": model.config.vocab_size,
    }


def published_tokenizer(size=VOCABULARY):
    """A byte-pair tokenizer in the published layout: padding to 2,000 and truncation at 2,000 are baked in."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    generator = torch.Generator().manual_seed(4)
    letters = torch.randint(4, (200, 300), generator=generator).tolist()
    corpus = ["".join("ACGT"[letter] for letter in row) for row in letters]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.enable_padding(length=2000, pad_id=3, pad_token="[PAD]")
    tokenizer.enable_truncation(2000)
    return tokenizer


def write_dnabert_s(folder: Path, model=None, prefix="", state=None):
    """DNABERT-S as it is published; with prefix bert. and an extra head, DNABERT-2."""
    model = model or gte_model()
    folder.mkdir(exist_ok=True)
    torch.save(state or published_dna_state(model, prefix), folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(dna_config(model)))
    published_tokenizer(model.config.vocab_size).save(str(folder / "tokenizer.json"))
    return model
