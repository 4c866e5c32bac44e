"""Published classifiers, and the features that they were trained on, which their files do not record."""

from __future__ import annotations

from pathlib import Path

from virnucpro.errors import ConfigError
from virnucpro.features.classifier import Classifier
from virnucpro.features.spec import DNA_WIDTH, EncoderUse, FeatureSpec
from virnucpro.models.catalog import CATALOG, DEFAULT_DNA_MODEL, catalogue_identity
from virnucpro.models.classifier import build_mlp
from virnucpro.models.published import read_published_tensors
from virnucpro.models.weights import FileTensors
from virnucpro.records import ModelIdentity

__all__ = ["import_classifier"]

PROTEIN_MODEL = "esm2-3b"
"""The protein encoder of the published classifiers: their 3328 inputs are 768 numbers of DNABERT-S and its 2560."""


def import_classifier(path: Path, window_bp: int) -> Classifier:
    """Convert a published classifier."""
    tensors = read_published_tensors(path)
    width = tensors["hidden_layer.weight"].shape[-1]
    protein = CATALOG[PROTEIN_MODEL]
    if width != DNA_WIDTH + protein.width:
        raise ConfigError(
            f"{path} takes {width} numbers; published classifiers take {DNA_WIDTH} of DNABERT-S and {protein.width} "
            f"of {protein.name}, and what others were trained with is not known"
        )
    spec = FeatureSpec(
        window_bp,
        EncoderUse(DNA_WIDTH, ModelIdentity(DEFAULT_DNA_MODEL, None, "")),
        EncoderUse(protein.width, catalogue_identity(protein.name)),
    )
    training = {"imported_from": path.name, "imported_sha256": FileTensors([path]).sha256}
    return Classifier(build_mlp(tensors, str(path), width), spec, training, str(path))
