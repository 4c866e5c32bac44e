"""The rows that travel between stages: a sequence, its vector, or the reason why it has none."""

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
    """What a sequence, and a model that reads it, is made of."""

    PROTEIN = "protein"
    DNA = "dna"


class Record(NamedTuple):
    """One sequence as it stands in its file; a named tuple, for there may be 1e8 of them."""

    number: int  # position in the file, from 1; what tells two records of one id apart
    header: str  # header line without its ``>`` or ``@``
    sequence: str  # letters as written, line breaks removed
    qualities: str | None = None  # of FASTQ, as written

    @property
    def id(self) -> str:
        """First word of the header; empty when there is none."""
        return next(iter(self.header.split()), "")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one record has no row."""

    number: int  # position of the record in its file, from 1; 0 when the whole file is meant
    id: str  # its id, ``record N`` when it has none, ``-`` when the whole file is meant
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
    """How many sequences met which end; ``read == written + failed``."""

    read: int = 0
    written: int = 0
    truncated: int = 0  # of those written, how many were cut to the first residues
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
    """Which bytes a file held."""

    path: str  # as it was given
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights made a vector."""

    name: str  # catalogue name, or the path that was given
    revision: str | None  # pinned commit of the published repository
    weights_sha256: str  # digest of the weights; empty where they were never read
    architecture: dict[str, Any] = field(default_factory=dict)  # what the weights do not show: heads, ...
    molecule: Molecule = Molecule.PROTEIN  # what it reads

    def __post_init__(self) -> None:
        object.__setattr__(self, "molecule", Molecule(self.molecule))  # a manifest holds its value


def same_model(a: ModelIdentity, b: ModelIdentity) -> bool:
    """Say whether two identities mean the same weights: by digest where both are known, else by name and revision.

    A revision that neither has proves nothing, so two unread folders of one name are not the same.
    """
    if a.weights_sha256 and b.weights_sha256:
        return a.weights_sha256 == b.weights_sha256
    return a.revision is not None and (a.name, a.revision) == (b.name, b.revision)
