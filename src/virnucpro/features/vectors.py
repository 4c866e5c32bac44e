"""Feature files in the formats of the original VirNucPro, written without a second copy of the vectors."""

from __future__ import annotations

import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from virnucpro.errors import DimensionError, StoreError
from virnucpro.models.catalog import catalogue_width
from virnucpro.models.pickles import PickleError, load_plain
from virnucpro.models.registry import DNABERT_S, ESM2, FeatureLayout
from virnucpro.records import EmbeddingTable, ModelIdentity

__all__ = [
    "DNA_SUFFIX",
    "FORMATS",
    "PROTEIN_SUFFIX",
    "FeatureFormat",
    "own_rows",
    "read_dna_features",
    "read_protein_features",
    "require_catalogue_width",
    "write_dna_features",
    "write_protein_features",
]

PROTEIN_SUFFIX, DNA_SUFFIX = ESM2.suffix, DNABERT_S.suffix

_NEVER = (1980, 1, 1, 0, 0, 0)
"""Fixed date of archive entries, so that equal features give equal files."""


def write_protein_features(stream: BinaryIO, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Write ``{'proteins': [id], 'data': [1-D float32 tensor]}``; `vectors`, shape (n, D), may be memory-mapped.

    Rows share one block, in the file as in memory: a row that is loaded and saved alone needs ``.clone()`` first.
    """
    _require_pairs(ids, vectors)
    torch.save({"proteins": list(ids), "data": list(shared_tensor(vectors).unbind(0))}, stream)


def write_dna_features(stream: BinaryIO, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Write ``{'nucleotide': [id], 'data': [{'label': id, 'mean_representation': [float]}]}``.

    The pickle is written row by row: as Python numbers, a row would take eight times its memory.
    """
    _require_pairs(ids, vectors)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(zipfile.ZipInfo("archive/data.pkl", _NEVER), "w", force_zip64=True) as pickled:
            pickled.write(b"\x80\x02}(" + _text("nucleotide") + b"](")
            for id_ in ids:
                pickled.write(_text(id_))
            pickled.write(b"e" + _text("data") + b"](")
            for id_, vector in zip(ids, vectors, strict=True):
                row = b"}(" + _text("label") + _text(id_) + _text("mean_representation") + _numbers(vector) + b"u"
                pickled.write(row)
            pickled.write(b"eu.")
        for name, content in (("byteorder", "little"), ("version", "3\n")):
            archive.writestr(zipfile.ZipInfo(f"archive/{name}", _NEVER), content)


def _text(text: str) -> bytes:
    """Pickle opcodes of a string."""
    encoded = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _numbers(vector: NDArray[np.float32]) -> bytes:
    """Pickle opcodes of a list of floats: for each, a G and eight bytes in big-endian order."""
    codes = np.empty((len(vector), 9), np.uint8)
    codes[:, 0] = ord("G")
    codes[:, 1:] = vector.astype(">f8")[:, None].view(np.uint8)
    return b"](" + codes.tobytes() + b"e"


def shared_tensor(vectors: NDArray[np.float32]) -> Tensor:
    """View an array as a tensor without copying, also if it is a read-only memory map."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that the array is read-only; nothing writes to it
        return torch.from_numpy(np.asarray(vectors))


def own_rows(vectors: NDArray[np.float32]) -> list[Tensor]:
    """Give every row memory of its own, so that it can be saved alone."""
    return [torch.tensor(vector) for vector in vectors]


def require_catalogue_width(identity: ModelIdentity, width: int) -> None:
    """Refuse vectors whose width is not the one in the catalogue, before they are saved."""
    expected = catalogue_width(identity)
    if expected is not None and expected != width:
        raise DimensionError(f"{identity.name} gave {width} numbers per vector instead of {expected}; nothing is saved")


def _require_pairs(ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
    if vectors.ndim != 2 or vectors.dtype != np.float32 or len(ids) != len(vectors):
        raise DimensionError(f"{len(ids)} IDs for {vectors.dtype} vectors of shape {vectors.shape}, not float32 rows")


def read_protein_features(path: Path) -> EmbeddingTable:
    """Read a protein feature file of this package or of the original VirNucPro; no code in it is run."""
    return _read(path, "protein", lambda content: (content["proteins"], content["data"]))


def read_dna_features(path: Path) -> EmbeddingTable:
    """Read a nucleotide feature file of this package or of the original VirNucPro; no code in it is run."""

    def rows_of(content: dict[str, Any]) -> tuple[list[str], list[Any]]:
        ids, data = content["nucleotide"], content["data"]
        wrong = next((n for n, (id_, row) in enumerate(zip(ids, data, strict=False)) if row["label"] != id_), None)
        if wrong is not None:
            raise ValueError(f"row {wrong} is of {data[wrong]['label']!r:.100}, its id says {ids[wrong]!r:.100}")
        return ids, [row["mean_representation"] for row in data]

    return _read(path, "nucleotide", rows_of)


def _read(path: Path, kind: str, rows_of: Callable[[dict[str, Any]], tuple[list[str], list[Any]]]) -> EmbeddingTable:
    try:
        ids, data = rows_of(load_plain(path))
        vectors = _stacked(path, ids, data)
    except PickleError as error:
        raise StoreError(f"{path} {error}; if it should be a {kind} feature file, remove and recompute it") from error
    except (OSError, RuntimeError, MemoryError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise StoreError(f"{path} is no {kind} feature file: {reason}; remove it and recompute it") from error
    return EmbeddingTable(tuple(ids), vectors)


def _stacked(path: Path, ids: list[Any], data: list[Any]) -> NDArray[np.float32]:
    """Copy rows into one matrix; refuse more numbers than the file has bytes for."""
    if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
        raise ValueError("its IDs are not a list of texts")
    if len(ids) != len(data):
        raise ValueError(f"it holds {len(ids)} ids beside {len(data)} vectors")
    shapes = {tuple(row.shape) if isinstance(row, Tensor) else (len(row),) for row in data}
    if len(shapes) > 1:
        told = ", ".join(map(str, sorted(shapes)[:5]))
        raise DimensionError(f"{path}: vectors of shapes {told}; recompute it")
    (shape,) = shapes or {(0,)}
    if len(shape) != 1 or len(data) * shape[0] > path.stat().st_size:
        raise ValueError(f"its vectors have shape {shape}, which its size does not allow")
    vectors = np.empty((len(data), shape[0]), np.float32)
    for vector, row in zip(vectors, data, strict=True):
        vector[:] = row.to(torch.float32).numpy() if isinstance(row, Tensor) else row
    return vectors


@dataclass(frozen=True, slots=True)
class FeatureFormat:
    """Layout of a feature file."""

    keys: tuple[str, str]  # of the dictionary in the file
    write: Callable[[BinaryIO, Sequence[str], NDArray[np.float32]], None]
    read: Callable[[Path], EmbeddingTable]


FORMATS: Final[Mapping[FeatureLayout, FeatureFormat]] = {
    "proteins": FeatureFormat(("proteins", "data"), write_protein_features, read_protein_features),
    "nucleotide": FeatureFormat(("nucleotide", "data"), write_dna_features, read_dna_features),
}
"""Formats by the layout that an architecture names in the registry."""
