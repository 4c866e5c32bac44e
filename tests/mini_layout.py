"""Writes a folder as the package's own model lies in it, small and with seeded random weights: what it says means nothing."""

import json

import torch
from safetensors.torch import save_file

from calibration_by_hand import CALIBRATION
from dna_layouts import dna_config, gte_model, published_dna_state, published_tokenizer
from published_layouts import transformers_model
from virnucpro.features.classifier import Classifier, serialise_classifier
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.classifier import MLP

TINY_PROTEIN = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
TINY_DNA = {"num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 64}


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


def write_mini(folder, protein=None, dna=None, vocabulary=300, hidden=32):
    """The whole folder; returns it."""
    write_encoders(folder, protein, dna, vocabulary)
    halves = {"dna": "mini-dna", "protein": "mini"}
    uses = []
    for half, name in halves.items():
        checkpoint = open_checkpoint(folder / half, name)
        uses.append(EncoderUse(checkpoint.config.width, checkpoint.identity))
    spec = FeatureSpec(500, *uses, rows="longest", windows_bp=(100, 1000))
    torch.manual_seed(5)
    model = MLP(spec.width, hidden)
    classifier = Classifier(model.eval(), spec, {"seed": 5}, calibration=CALIBRATION)
    (folder / "classifier.safetensors").write_bytes(serialise_classifier(classifier))
    (folder / "MODEL_CARD.md").write_text("# mini, random weights\n")
    return folder
