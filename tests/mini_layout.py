"""Writes a folder as the package's own model lies in it, small and with seeded random weights: what it says means nothing."""

import json
from dataclasses import replace

import torch
from safetensors.torch import save_file

from calibration_by_hand import CALIBRATION
from dna_layouts import dna_config, gte_model, published_dna_state, published_tokenizer
from published_layouts import transformers_model
from virnucpro.features.classifier import Classifier, serialise_classifier
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.classifier import Head
from virnucpro.models.mini import CLASSES, Mini, MiniConfig

TINY_PROTEIN = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
TINY_DNA = {"num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 64}

WEIGHTS = "model.safetensors"


def write_encoders(folder, protein=None, dna=None, vocabulary=300):
    """Both halves in half precision, as transformers and as DNABERT-S's publisher write them."""
    (folder / "protein").mkdir(parents=True)
    (folder / "dna").mkdir()
    transformers_model(protein or TINY_PROTEIN, add_pooling_layer=False).half().save_pretrained(folder / "protein")
    model = gte_model(dna or TINY_DNA, vocabulary)
    state = {name: tensor.half() for name, tensor in published_dna_state(model).items() if "pooler" not in name}
    save_file(state, folder / "dna" / "model.safetensors", {"format": "pt"})
    (folder / "dna" / "config.json").write_text(json.dumps(dna_config(model)))
    published_tokenizer(vocabulary).save(str(folder / "dna" / "tokenizer.json"))


SMALL = {"motifs": 16, "motif_codons": 8, "pair_width": 8, "word_width": 8, "hidden": 32, "features": 24}


def write_mini(folder, seed=5, calibration=CALIBRATION, **shape):
    """The whole folder; returns it."""
    folder.mkdir(parents=True)
    config = MiniConfig(**SMALL | shape)
    torch.manual_seed(seed)
    network = Mini(config)
    (folder / "config.json").write_text(json.dumps({"model_type": "virnucpro_mini", **config.to_dict()}))
    state = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file({name: tensor for name, tensor in state.items() if not name.startswith("head.")}, folder / WEIGHTS)
    checkpoint = open_checkpoint(folder, "mini")
    identity = replace(checkpoint, revision=checkpoint.source.sha256).identity
    spec = FeatureSpec(1000, EncoderUse(config.features, identity), None, "window", (100, 1000))
    head = Head(config.features, len(CLASSES)).eval()
    torch.nn.init.normal_(head.output_layer.weight)
    classifier = Classifier(head, spec, {"seed": seed}, calibration=calibration, classes=CLASSES)
    (folder / "classifier.safetensors").write_bytes(serialise_classifier(classifier))
    (folder / "MODEL_CARD.md").write_text("# mini, random weights\n")
    return folder
