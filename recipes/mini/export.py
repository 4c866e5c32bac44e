"""The files that ship: encoder, and the classifier on top of it with its calibration, as the package reads them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from virnucpro.features.classifier import Classifier, load_classifier, serialise_classifier
from virnucpro.features.spec import EncoderUse, FeatureSpec
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.classifier import Head
from virnucpro.models.mini import CLASSES, Mini, MiniConfig

__all__ = ["FILES", "MODEL_TYPE", "export", "read_exported", "sha256_of"]

MODEL_TYPE = "virnucpro_mini"
FILES = ("model.safetensors", "config.json", "classifier.safetensors")


def export(
    net: Mini, calibration: dict[str, Any], windows_bp: tuple[int, int], facts: dict[str, Any], folder: Path
) -> Mini:
    """Write the folder and read it back: what is returned has been through the files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": MODEL_TYPE, **net.config.to_dict()}, indent=1) + "\n")
    tensors = {name: tensor.detach().half().contiguous() for name, tensor in net.state_dict().items()}
    body = {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}
    save_file(body, folder / "model.safetensors", {"format": "pt"})
    checkpoint = open_checkpoint(folder, "mini")
    identity = replace(checkpoint, revision=checkpoint.source.sha256).identity
    spec = FeatureSpec(windows_bp[1], EncoderUse(net.config.features, identity), None, "window", windows_bp)
    head = Head(net.config.features, len(CLASSES)).eval()
    head.output_layer.load_state_dict({name: tensors[f"head.{name}"].float() for name in ("weight", "bias")})
    classifier = Classifier(head, spec, facts, calibration=calibration, classes=CLASSES)
    (folder / "classifier.safetensors").write_bytes(serialise_classifier(classifier))
    return read_exported(folder)


def read_exported(folder: Path) -> Mini:
    """Put encoder and head together again."""
    shape = json.loads((folder / "config.json").read_text())
    net = Mini(MiniConfig(**{name: value for name, value in shape.items() if name != "model_type"}))
    tensors = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
    head = load_classifier(folder / "classifier.safetensors").model.output_layer
    net.load_state_dict(tensors | {"head.weight": head.weight, "head.bias": head.bias})
    return net.eval().requires_grad_(False)


def sha256_of(folder: Path) -> str:
    """Digest of the files that decide a score."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
