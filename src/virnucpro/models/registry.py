"""The known architectures; a new one is a file of its own and one line at the end of this one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from virnucpro.errors import WeightsError
from virnucpro.records import Molecule

if TYPE_CHECKING:
    from virnucpro.models.matching import Checkpoint

__all__ = ["ARCHITECTURES", "DNABERT_S", "ESM2", "MINI", "Architecture", "FeatureLayout", "architecture_of"]

FeatureLayout = Literal["proteins", "nucleotide"]
"""Layouts of feature files, by the key of their IDs; `virnucpro.features.vectors` reads and writes both."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One kind of encoder: everything that must be known before torch is imported."""

    name: str  # its name in manifests
    checkpoint_class: str  # "module:class"; a subclass of `virnucpro.models.matching.Checkpoint`
    model_types: tuple[str, ...]  # values of `model_type` in its config.json
    molecule: Molecule  # what it reads
    suffix: str  # of its feature files
    layout: FeatureLayout  # of its feature files
    extra_files: tuple[str, ...] = ()  # further files that a published folder must contain
    reads_bases: bool = False  # its tokens are base codes, as `Rows.base_codes` gives them
    single_file: str = ""  # suffix of checkpoints that are one file instead of a folder

    @property
    def checkpoint(self) -> type[Checkpoint[Any]]:
        """The class that reads its weights; this imports torch."""
        module, _, name = self.checkpoint_class.partition(":")
        found: type[Checkpoint[Any]] = getattr(importlib.import_module(module), name)
        return found


ESM2: Final = Architecture(
    "ESM-2", "virnucpro.models.esm2_checkpoints:ESM2Checkpoint",
    ("esm", "fast_esm"), Molecule.PROTEIN, "_ESM.pt", "proteins", single_file=".pt",
)  # fmt: skip
DNABERT_S: Final = Architecture(
    "DNABERT-S", "virnucpro.models.dnabert_s_checkpoints:DNABERTSCheckpoint",
    ("bert",), Molecule.DNA, "_DNABERT_S.pt", "nucleotide", extra_files=("tokenizer.json",),
)  # fmt: skip

MINI: Final = Architecture(
    "mini", "virnucpro.models.mini_checkpoints:MiniCheckpoint",
    ("virnucpro_mini",), Molecule.DNA, "_MINI.pt", "nucleotide", reads_bases=True,
)  # fmt: skip

ARCHITECTURES: Final = [ESM2, DNABERT_S, MINI]


def architecture_of(config: Mapping[str, Any], where: str) -> Architecture:
    """Recognise an architecture by the `model_type` of its configuration."""
    model_type = config.get("model_type")
    for architecture in ARCHITECTURES:
        if model_type in architecture.model_types:
            return architecture
    known = ", ".join(f"{' or '.join(one.model_types)} ({one.name})" for one in ARCHITECTURES)
    raise WeightsError(f"{where}: model_type is {model_type!r:.200}; known are {known}")
