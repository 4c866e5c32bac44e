"""Feature files in the formats that VirNucPro's scripts read."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch

from virnucpro.errors import DimensionError, StoreError
from virnucpro.records import EmbeddingTable, Molecule

__all__ = [
    "DNA_SUFFIX",
    "FORMATS",
    "PROTEIN_SUFFIX",
    "FeatureFormat",
    "read_dna_features",
    "read_protein_features",
    "write_dna_features",
    "write_protein_features",
]

PROTEIN_SUFFIX = "_ESM.pt"
DNA_SUFFIX = "_DNABERT_S.pt"


def write_protein_features(stream: BinaryIO, table: EmbeddingTable) -> None:
    """Write ``{'proteins': [id], 'data': [1-D float32 tensor]}``."""
    rows = list(torch.from_numpy(table.vectors).unbind(0))
    torch.save({"proteins": list(table.ids), "data": rows}, stream)


def write_dna_features(stream: BinaryIO, table: EmbeddingTable) -> None:
    """Write ``{'nucleotide': [id], 'data': [{'label': id, 'mean_representation': [float]}]}``."""
    rows = zip(table.ids, table.vectors, strict=True)
    data = [{"label": id_, "mean_representation": vector.tolist()} for id_, vector in rows]
    torch.save({"nucleotide": list(table.ids), "data": data}, stream)


def read_protein_features(path: Path) -> EmbeddingTable:
    """Read a protein feature file, this package's or VirNucPro's own, without running anything in it."""
    return _read(path, "protein", lambda content: (content["proteins"], content["data"]))


def read_dna_features(path: Path) -> EmbeddingTable:
    """Read a nucleotide feature file, this package's or VirNucPro's own, without running anything in it."""

    def rows_of(content: dict[str, Any]) -> tuple[list[str], list[Any]]:
        ids, data = content["nucleotide"], content["data"]
        wrong = next((n for n, (id_, row) in enumerate(zip(ids, data, strict=False)) if row["label"] != id_), None)
        if wrong is not None:
            raise ValueError(f"row {wrong} is of {data[wrong]['label']}, its id says {ids[wrong]}")
        return ids, [row["mean_representation"] for row in data]

    return _read(path, "nucleotide", rows_of)


def _read(path: Path, kind: str, rows_of: Callable[[dict[str, Any]], tuple[list[str], list[Any]]]) -> EmbeddingTable:
    try:
        ids, data = rows_of(torch.load(path, map_location="cpu", weights_only=True))
        rows = [torch.as_tensor(row, dtype=torch.float32) for row in data]
        if len(shapes := {tuple(row.shape) for row in rows}) > 1:
            raise DimensionError(f"{path}: vectors of shapes {', '.join(map(str, sorted(shapes)))}; extract again")
        vectors = (torch.stack(rows) if rows else torch.empty(0, 0)).numpy()
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(f"{path} is no {kind} feature file: {reason}; remove it and extract again") from error
    if len(ids) != len(vectors):
        raise StoreError(f"{path} holds {len(ids)} ids beside {len(vectors)} vectors; remove it and extract again")
    return EmbeddingTable(tuple(ids), vectors)


@dataclass(frozen=True, slots=True)
class FeatureFormat:
    """How the features of one kind of sequence are stored."""

    suffix: str  # what stands behind the input's name
    keys: tuple[str, str]  # of the dictionary in the file
    write: Callable[[BinaryIO, EmbeddingTable], None]  # writes a table to a stream
    read: Callable[[Path], EmbeddingTable]  # reads a file


FORMATS: Final[Mapping[Molecule, FeatureFormat]] = {
    Molecule.PROTEIN: FeatureFormat(
        PROTEIN_SUFFIX, ("proteins", "data"), write_protein_features, read_protein_features
    ),
    Molecule.DNA: FeatureFormat(DNA_SUFFIX, ("nucleotide", "data"), write_dna_features, read_dna_features),
}
