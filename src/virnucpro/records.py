"""The types that all rooms share: records, failures, tables of vectors, identities of files and models."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import DimensionError

__all__ = [
    "Counts", "EmbeddingTable", "Failure", "FileIdentity", "ModelIdentity", "Molecule", "Record", "same_model",
]  # fmt: skip


class Molecule(StrEnum):
    """The kind of sequence that a file holds or a model reads."""

    PROTEIN = "protein"
    DNA = "dna"


class Record(NamedTuple):
    """One sequence as it is in its file; a named tuple, because there may be 1e8 of them."""

    number: int  # position in the file, from 1; tells records with the same ID apart
    header: str  # header line without its ``>`` or ``@``
    sequence: str  # letters as written, line breaks removed
    qualities: str | None = None  # of FASTQ, as written

    @property
    def id(self) -> str:
        """First word of the header; empty when there is none."""
        return next(iter(self.header.split()), "")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record has no result."""

    number: int  # position of the record in its file, from 1; 0 for the whole file
    id: str  # its ID, ``record N`` if it has none, ``-`` for the whole file
    error_type: str  # one word, such as ``EmptySequence`` or ``OutOfMemory``
    message: str  # the reason, in words


@dataclass(frozen=True, eq=False)
class EmbeddingTable:
    """Ids with their vectors, row by row."""

    ids: tuple[str, ...]  # one id per row; ids may repeat
    vectors: NDArray[np.float32]  # (rows, width) One vector per row, in one block of memory

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.vectors.dtype != np.float32:
            raise DimensionError(
                f"an embedding table needs a float32 matrix, not {self.vectors.dtype} of shape {self.vectors.shape}"
            )
        if len(self.ids) != len(self.vectors):
            raise DimensionError(f"an embedding table got {len(self.ids)} ids for {len(self.vectors)} vectors")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return int(self.vectors.shape[1])

    @staticmethod
    def concatenate(width: int, tables: list[EmbeddingTable]) -> EmbeddingTable:
        """Stack tables of one width, in order."""
        ids = tuple(id_ for table in tables for id_ in table.ids)
        blocks = [table.vectors for table in tables]
        return EmbeddingTable(ids, np.concatenate(blocks) if blocks else np.empty((0, width), np.float32))


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of sequences; ``read == written + failed``."""

    read: int = 0
    written: int = 0
    truncated: int = 0  # written, but cut to the first residues
    failed: int = 0  # without a row; each has a line in the failure log
    residues: int = 0  # residues that went through the model

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.read + other.read,
            self.written + other.written,
            self.truncated + other.truncated,
            self.failed + other.failed,
            self.residues + other.residues,
        )


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Size and digest of a file."""

    path: str  # as given by the user
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights a model has."""

    name: str  # catalogue name, or the path that was given
    revision: str | None  # pinned commit of the published repository
    weights_sha256: str  # digest of the weights; empty where they were never read
    architecture: dict[str, Any] = field(default_factory=dict)  # what the weights do not determine: heads, ...
    molecule: Molecule = Molecule.PROTEIN  # what it reads

    def __post_init__(self) -> None:
        object.__setattr__(self, "molecule", Molecule(self.molecule))  # a manifest holds its value


def same_model(a: ModelIdentity, b: ModelIdentity) -> bool:
    """Whether two identities mean the same weights: by digest if both are known, else by name and revision.

    Without digests and revisions, two folders of the same name are not considered the same.
    """
    if a.weights_sha256 and b.weights_sha256:
        return a.weights_sha256 == b.weights_sha256
    return a.revision is not None and (a.name, a.revision) == (b.name, b.revision)
