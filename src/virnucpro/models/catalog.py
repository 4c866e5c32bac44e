"""The models that users can choose by name.

Revisions are pinned, so the same name always gives the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virnucpro.models.registry import DNABERT_S, ESM2, Architecture
from virnucpro.models.registry import MINI as MINI_ARCHITECTURE
from virnucpro.records import ModelIdentity, Molecule

__all__ = [
    "CATALOG",
    "DEFAULT_DNA_MODEL",
    "DEFAULT_MODEL",
    "MINI",
    "PACKAGED",
    "CatalogEntry",
    "PackagedEntry",
    "catalogue_identity",
    "catalogue_width",
]

DEFAULT_MODEL: Final = "fastesm2-650"
DEFAULT_DNA_MODEL: Final = "dnabert-s"
MINI: Final = "mini"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A published model."""

    name: str  # what `--model` takes
    repository: str  # where it is published
    revision: str  # the commit that is used
    layers: int
    width: int  # numbers per vector
    parameters: str  # its usual size name
    note: str = ""  # note for users
    architecture: Architecture = ESM2

    @property
    def molecule(self) -> Molecule:
        """What it reads."""
        return self.architecture.molecule


CATALOG: Final = {
    entry.name: entry
    for entry in (
        CatalogEntry(
            DEFAULT_MODEL,
            "Synthyra/FastESM2_650",
            "373bed152898892446d2dd4ab7ea2ccf9b4da170",
            33, 1280, "650M", "default",
        ),
        CatalogEntry("esm2-8m", "facebook/esm2_t6_8M_UR50D", "c731040fcd8d73dceaa04b0a8e6329b345b0f5df", 6, 320, "8M"),
        CatalogEntry(
            "esm2-35m", "facebook/esm2_t12_35M_UR50D", "6fbf070e65b0b7291e7bbcd451118c216cff79d8", 12, 480, "35M"
        ),
        CatalogEntry(
            "esm2-150m", "facebook/esm2_t30_150M_UR50D", "a695f6045e2e32885fa60af20c13cb35398ce30c", 30, 640, "150M"
        ),
        CatalogEntry(
            "esm2-650m", "facebook/esm2_t33_650M_UR50D", "08e4846e537177426273712802403f7ba8261b6c", 33, 1280, "650M"
        ),
        CatalogEntry(
            "esm2-3b",
            "facebook/esm2_t36_3B_UR50D",
            "476b639933c8baad5ad09a60ac1a87f987b656fc",
            36, 2560, "3B", "the published VirNucPro classifiers need it",
        ),
        CatalogEntry(
            "esm2-15b", "facebook/esm2_t48_15B_UR50D", "5fbca39631164edc1d402a5aa369f982f72ee282", 48, 5120, "15B"
        ),
        CatalogEntry(
            DEFAULT_DNA_MODEL,
            "zhihan1996/DNABERT-S",
            "00e47f96cdea35e4b6f5df89e5419cbe47d490c6",
            12, 768, "117M", "reads DNA", DNABERT_S,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PackagedEntry:
    """A trained model whose weights come with the package."""

    name: str  # what `--model` takes
    architecture: Architecture
    note: str  # note for users

    @property
    def molecule(self) -> Molecule:
        """What it reads."""
        return self.architecture.molecule


PACKAGED: Final = {
    entry.name: entry for entry in (PackagedEntry(MINI, MINI_ARCHITECTURE, "small; the default of predict"),)
}


def catalogue_identity(name: str) -> ModelIdentity | None:
    """Identity of a published model, without its weights; None for packaged models, paths and other names.

    The digest is empty: `virnucpro.records.same_model` compares such an identity by name and revision.
    """
    entry = CATALOG.get(name)
    return ModelIdentity(entry.name, entry.revision, "", molecule=entry.molecule) if entry else None


def catalogue_width(identity: ModelIdentity) -> int | None:
    """Width of a published model; None if the weights are not in the catalogue."""
    entry = CATALOG.get(identity.name)
    return entry.width if entry and entry.revision == identity.revision else None
