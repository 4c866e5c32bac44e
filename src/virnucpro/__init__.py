"""VirNucPro: viral sequence, found by protein and DNA language models.

Importing this package imports no torch; each function brings what it needs when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from virnucpro.batching import get_batch_indices
    from virnucpro.errors import (
        ConfigError,
        DeviceError,
        DimensionError,
        InputError,
        StoreError,
        VirNucProError,
        WeightsError,
    )
    from virnucpro.features.classifier import load_classifier
    from virnucpro.models.encoders import load_encoder
    from virnucpro.verbs.extract import (
        extract_DNABERT_S,
        extract_esm,
        extract_fast_esm,
        split_fasta_file,
        validate_embeddings,
    )
    from virnucpro.verbs.merge import merge_data
    from virnucpro.verbs.process_files import process_file_pro, process_file_seq

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "DeviceError",
    "DimensionError",
    "InputError",
    "StoreError",
    "VirNucProError",
    "WeightsError",
    "__version__",
    "extract_DNABERT_S",
    "extract_esm",
    "extract_fast_esm",
    "get_batch_indices",
    "load_classifier",
    "load_encoder",
    "merge_data",
    "process_file_pro",
    "process_file_seq",
    "split_fasta_file",
    "validate_embeddings",
]

_MODULE_OF = {
    "get_batch_indices": "virnucpro.batching",
    "load_classifier": "virnucpro.features.classifier",
    "load_encoder": "virnucpro.models.encoders",
    "extract_DNABERT_S": "virnucpro.verbs.extract",
    "merge_data": "virnucpro.verbs.merge",
    "process_file_pro": "virnucpro.verbs.process_files",
    "process_file_seq": "virnucpro.verbs.process_files",
    "extract_esm": "virnucpro.verbs.extract",
    "extract_fast_esm": "virnucpro.verbs.extract",
    "split_fasta_file": "virnucpro.verbs.extract",
    "validate_embeddings": "virnucpro.verbs.extract",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF.get(name, "virnucpro.errors")), name)


def __dir__() -> list[str]:
    return __all__
