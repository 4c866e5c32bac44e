"""`demo` and `demo-dna`: a small ESM-2 and a small DNABERT-S with seeded random weights.

They are for trying the software where there are no weights. They are untrained: their vectors mean nothing, and
whatever uses them says so.
"""

from __future__ import annotations

import json
import math
from itertools import product

import torch
from torch import Tensor

from virnucpro.models.catalog import DEMO, DEMO_DNA
from virnucpro.models.classifier import MLP, Classifier
from virnucpro.models.contract import EncoderUse, FeatureContract
from virnucpro.models.dna_tokens import SPECIAL_TOKENS, DnaTokenizer
from virnucpro.models.dnabert_s import DNABERTS, DNABERTSConfig
from virnucpro.models.dnabert_s_checkpoints import DNABERTSCheckpoint
from virnucpro.models.esm2 import ESM2, ESM2Config
from virnucpro.models.esm2_checkpoints import ESM2Checkpoint
from virnucpro.models.layers import PackedModel
from virnucpro.models.weights import MemoryTensors

__all__ = ["demo_checkpoint", "demo_classifier", "demo_dna_checkpoint", "demo_tokenizer", "random_checkpoint"]

DEMO_CONFIG = ESM2Config(layers=4, width=128, heads=4, feed_forward=512)
DEMO_SEED = 650
LONGEST_PIECE = 3
DEMO_VOCABULARY = len(SPECIAL_TOKENS) + sum(4**length for length in range(1, LONGEST_PIECE + 1))
DEMO_DNA_CONFIG = DNABERTSConfig(layers=3, width=96, heads=6, feed_forward=384, vocabulary=DEMO_VOCABULARY)
DEMO_DNA_SEED = 117
DEMO_CLASSIFIER_SEED = 500
DEMO_WINDOW_BP = 500


def demo_checkpoint() -> ESM2Checkpoint:
    """Build `demo`.

    Returns
    -------
    ESM2Checkpoint
        128 wide, marked as untrained.
    """
    return random_checkpoint(DEMO_CONFIG, DEMO_SEED, DEMO)


def demo_classifier() -> Classifier:
    """Build a classifier of the features of `demo-dna` and `demo`, with seeded random weights.

    Returns
    -------
    Classifier
        For windows of 500 bp, marked as untrained: its calls mean nothing.
    """
    dna, protein = demo_dna_checkpoint(), demo_checkpoint()
    contract = FeatureContract(
        DEMO_WINDOW_BP,
        EncoderUse(dna.config.width, dna.identity),
        EncoderUse(protein.config.width, protein.identity),
    )
    generator = torch.Generator().manual_seed(DEMO_CLASSIFIER_SEED)
    model = MLP(contract.width)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / math.sqrt(parameter.shape[1]))
            else:
                parameter.fill_(name == "bn1.weight")
    digest = MemoryTensors(model.state_dict()).sha256
    return Classifier(model.eval(), contract, {"untrained": True}, DEMO, digest)


def demo_dna_checkpoint() -> DNABERTSCheckpoint:
    """Build `demo-dna`.

    Returns
    -------
    DNABERTSCheckpoint
        96 wide, marked as untrained.
    """
    with torch.device("meta"):
        model = DNABERTS(DEMO_DNA_CONFIG)
    tensors = MemoryTensors(_draw(model, DEMO_DNA_SEED))
    return DNABERTSCheckpoint(tensors, DEMO_DNA, untrained=True, config=DEMO_DNA_CONFIG, tokenizer=demo_tokenizer())


def random_checkpoint(config: ESM2Config, seed: int, name: str) -> ESM2Checkpoint:
    """Draw weights of any shape, scaled so that a signal passes through every layer.

    Parameters
    ----------
    config : ESM2Config
        The shape.
    seed : int
        Of the generator.
    name : str
        What to call the result.

    Returns
    -------
    ESM2Checkpoint
        In memory, float32, marked as untrained.
    """
    with torch.device("meta"):
        model = ESM2(config)
    return ESM2Checkpoint(MemoryTensors(_draw(model, seed)), name, untrained=True, config=config)


def demo_tokenizer() -> DnaTokenizer:
    """Build a tokenizer in the published layout that knows every piece of one to three letters.

    Returns
    -------
    DnaTokenizer
        89 tokens; pairs are joined first, then a letter is added behind, both in alphabetical order.
    """
    pieces = ["".join(letters) for length in range(1, LONGEST_PIECE + 1) for letters in product("ACGT", repeat=length)]
    special = {
        token: {"id": token, "ids": [SPECIAL_TOKENS.index(token)], "tokens": [token]} for token in SPECIAL_TOKENS
    }
    template = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    content = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number, "content": token, "special": True, "normalized": False,
                "single_word": False, "lstrip": False, "rstrip": False,
            }
            for number, token in enumerate(SPECIAL_TOKENS)
        ],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing", "single": template, "pair": template, "special_tokens": special,
        },
        "model": {
            "type": "BPE",
            "unk_token": "[UNK]",
            "vocab": {token: number for number, token in enumerate((*SPECIAL_TOKENS, *pieces))},
            "merges": [[piece[:-1], piece[-1]] for piece in pieces if len(piece) > 1],
        },
    }  # fmt: skip
    return DnaTokenizer(json.dumps(content), DEMO_DNA)


def _draw(model: PackedModel, seed: int) -> dict[str, Tensor]:
    """Draw a model's parameters, in their order and under the model's own names, as no publisher writes them."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if len(parameter.shape) == 2:
            tensors[name] = values / math.sqrt(parameter.shape[1])
        else:
            tensors[name] = 0.1 * values + float(name.endswith("norm.weight"))
    return tensors
