"""Small models with seeded random weights, in memory and as folders: what they say means nothing."""

import json
import math
from itertools import product
from pathlib import Path

import torch

from virnucpro.features.classifier import Classifier, serialise_classifier
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.classifier import MLP
from virnucpro.models.dna_tokens import SPECIAL_TOKENS, DnaTokenizer
from virnucpro.models.dnabert_s import DNABERTS, DNABERTSConfig
from virnucpro.models.dnabert_s_checkpoints import DNABERTSCheckpoint
from virnucpro.models.esm2 import ESM2, ESM2Config
from virnucpro.models.esm2_checkpoints import ESM2Checkpoint
from virnucpro.models.weights import MemoryTensors

PROTEIN_WIDTH, DNA_WIDTH = 128, 96
LONGEST_PIECE = 3
VOCABULARY = len(SPECIAL_TOKENS) + sum(4**length for length in range(1, LONGEST_PIECE + 1))
PROTEIN_CONFIG = ESM2Config(layers=4, width=PROTEIN_WIDTH, heads=4, feed_forward=512)
DNA_CONFIG = DNABERTSConfig(layers=3, width=DNA_WIDTH, heads=6, feed_forward=384, vocabulary=VOCABULARY)
WINDOW_BP = 500


def protein_checkpoint():
    with torch.device("meta"):
        model = ESM2(PROTEIN_CONFIG)
    return ESM2Checkpoint(MemoryTensors(drawn(model, 650)), "random", config=PROTEIN_CONFIG)


def dna_checkpoint():
    with torch.device("meta"):
        model = DNABERTS(DNA_CONFIG)
    tensors = MemoryTensors(drawn(model, 117))
    return DNABERTSCheckpoint(tensors, "random-dna", config=DNA_CONFIG, tokenizer=letters_tokenizer())


def tokenizer_json(vocabulary, merges, words, unknown=None):
    """A vocabulary and its merges in the published layout."""
    special = {token: {"id": token, "ids": [number], "tokens": [token]} for number, token in enumerate(SPECIAL_TOKENS)}
    ends = [{"SpecialToken": {"id": token, "type_id": 0}} for token in ("[CLS]", "[SEP]")]
    template = [ends[0], {"Sequence": {"id": "A", "type_id": 0}}, ends[1]]
    flags = dict.fromkeys(("normalized", "single_word", "lstrip", "rstrip"), False)
    added = [{"id": n, "content": token, "special": True} | flags for n, token in enumerate(SPECIAL_TOKENS)]
    processor = {"type": "TemplateProcessing", "single": template, "pair": template, "special_tokens": special}
    model = {"type": "BPE", "unk_token": unknown, "vocab": vocabulary, "merges": merges}
    parts = {"version": "1.0", "added_tokens": added, "pre_tokenizer": words, "post_processor": processor}
    return json.dumps(parts | {"model": model})


def letters_tokenizer():
    """In the published layout; knows every piece of one to three letters.

    89 tokens; pairs are joined first, then a letter is added behind, both in alphabetical order.
    """
    pieces = ["".join(letters) for length in range(1, LONGEST_PIECE + 1) for letters in product("ACGT", repeat=length)]
    vocabulary = {token: number for number, token in enumerate((*SPECIAL_TOKENS, *pieces))}
    merges = [[piece[:-1], piece[-1]] for piece in pieces if len(piece) > 1]
    return DnaTokenizer(tokenizer_json(vocabulary, merges, {"type": "Whitespace"}, "[UNK]"), "random-dna")


def drawn(model, seed):
    """A model's parameters under its own names, scaled so that a signal passes through every layer."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if len(parameter.shape) == 2:
            values /= math.sqrt(parameter.shape[1])
        else:
            values = 0.1 * values + float(name.endswith(("norm.weight", "bn1.weight")))
        tensors[name] = values
    return tensors


def write_models(folder: Path):
    """`protein` and `dna` in the published layouts, and `classifier.safetensors`, not calibrated; returns the folder."""
    from mini_layout import write_encoders  # it needs transformers, and few tests do

    shape = {"num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 256}
    write_encoders(folder, shape | {"hidden_size": PROTEIN_WIDTH}, shape | {"hidden_size": DNA_WIDTH})
    uses = []
    for half in ("dna", "protein"):
        checkpoint = open_checkpoint(folder / half)
        uses.append(EncoderUse(checkpoint.config.width, checkpoint.identity))
    spec = FeatureSpec(WINDOW_BP, *uses)
    model = MLP(spec.width)
    model.load_state_dict(model.state_dict() | drawn(model, 500))
    (folder / "classifier.safetensors").write_bytes(serialise_classifier(Classifier(model.eval(), spec, {})))
    return folder
