"""VirNucPro finds viral sequences in metagenomes with protein and DNA language models.

Importing this package imports no torch: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from virnucpro.batching import get_batch_indices
    from virnucpro.compat import (
        extract_DNABERT_S,
        extract_esm,
        extract_fast_esm,
        process_file_pro,
        process_file_seq,
        split_fasta_file,
        validate_embeddings,
    )
    from virnucpro.errors import (
        ConfigError,
        DeviceError,
        DimensionError,
        DownloadError,
        InputError,
        StoreError,
        VirNucProError,
        WeightsError,
        WorkerError,
    )
    from virnucpro.features.classifier import load_classifier
    from virnucpro.models.encoders import load_encoder
    from virnucpro.runs.distribution import Distribution
    from virnucpro.verbs.download import DownloadSettings, download_refseq
    from virnucpro.verbs.embed import embed_files
    from virnucpro.verbs.embed_arrays import embed
    from virnucpro.verbs.embed_settings import EmbedSettings
    from virnucpro.verbs.evaluate import EvaluateSettings, evaluate
    from virnucpro.verbs.features import FeatureSettings, extract_features
    from virnucpro.verbs.merge import merge_data
    from virnucpro.verbs.predict import predict
    from virnucpro.verbs.predict_settings import PredictSettings
    from virnucpro.verbs.prediction import Prediction, read_calls
    from virnucpro.verbs.prepare import PrepareSettings, prepare
    from virnucpro.verbs.sample_sheet import read_sheet
    from virnucpro.verbs.samples import Sample
    from virnucpro.verbs.train import TrainSettings, train
    from virnucpro.writers.table import Table

__version__ = "0.1.0"

_NAMES = {
    "batching": ("get_batch_indices",),
    "compat": (
        "extract_DNABERT_S", "extract_esm", "extract_fast_esm", "process_file_pro", "process_file_seq",
        "split_fasta_file", "validate_embeddings",
    ),
    "errors": (
        "ConfigError", "DeviceError", "DimensionError", "DownloadError", "InputError", "StoreError", "VirNucProError",
        "WeightsError", "WorkerError",
    ),
    "features.classifier": ("load_classifier",),
    "models.encoders": ("load_encoder",),
    "runs.distribution": ("Distribution",),
    "verbs.download": ("DownloadSettings", "download_refseq"),
    "verbs.embed": ("embed_files",),
    "verbs.embed_arrays": ("embed",),
    "verbs.embed_settings": ("EmbedSettings",),
    "verbs.evaluate": ("EvaluateSettings", "evaluate"),
    "verbs.features": ("FeatureSettings", "extract_features"),
    "verbs.merge": ("merge_data",),
    "verbs.predict": ("predict",),
    "verbs.predict_settings": ("PredictSettings",),
    "verbs.prediction": ("Prediction", "read_calls"),
    "verbs.prepare": ("PrepareSettings", "prepare"),
    "verbs.sample_sheet": ("read_sheet",),
    "verbs.samples": ("Sample",),
    "verbs.train": ("TrainSettings", "train"),
    "writers.table": ("Table",),
}  # fmt: skip
_MODULE_OF = {name: f"virnucpro.{module}" for module, names in _NAMES.items() for name in names}

__all__ = [
    "ConfigError",
    "DeviceError",
    "DimensionError",
    "Distribution",
    "DownloadError",
    "DownloadSettings",
    "EmbedSettings",
    "EvaluateSettings",
    "FeatureSettings",
    "InputError",
    "PredictSettings",
    "Prediction",
    "PrepareSettings",
    "Sample",
    "StoreError",
    "Table",
    "TrainSettings",
    "VirNucProError",
    "WeightsError",
    "WorkerError",
    "__version__",
    "download_refseq",
    "embed",
    "embed_files",
    "evaluate",
    "extract_DNABERT_S",
    "extract_esm",
    "extract_fast_esm",
    "extract_features",
    "get_batch_indices",
    "load_classifier",
    "load_encoder",
    "merge_data",
    "predict",
    "prepare",
    "process_file_pro",
    "process_file_seq",
    "read_calls",
    "read_sheet",
    "split_fasta_file",
    "train",
    "validate_embeddings",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
