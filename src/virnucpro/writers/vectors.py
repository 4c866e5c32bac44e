"""Vectors of sequences in files of six formats, none of which needs all of them in memory.

Every format holds the IDs beside the vectors, in the same order. ``pt`` is what scripts of the original VirNucPro read.
"""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.features.vectors import FORMATS as LAYOUTS
from virnucpro.features.vectors import shared_tensor
from virnucpro.models.registry import FeatureLayout
from virnucpro.runs.results import Results

__all__ = ["VECTOR_FORMATS", "SavedVectors", "VectorFormat", "require_format", "vector_files", "write_vectors"]

VectorFormat = Literal["pt", "npy", "npz", "h5", "parquet", "safetensors"]

BLOCK_BYTES: Final = 1 << 25


@dataclass(frozen=True, eq=False)
class SavedVectors:
    """Vectors on the disk, and whose they are."""

    layout: FeatureLayout  # of a .pt file
    ids: Sequence[str]
    vectors: NDArray[np.float32]  # (vectors of all IDs, D) a map of a file
    counts: NDArray[np.int64] | None  # (IDs,) residues of each; None where each has one vector

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where the vectors of each ID begin, and where the last ones end."""
        counts = np.ones(len(self.ids), np.int64) if self.counts is None else self.counts
        return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))

    def blocks(self) -> Iterator[slice]:
        """Ranges of vectors that are written together."""
        step = max(BLOCK_BYTES // max(4 * self.vectors.shape[1], 1), 1)
        for start in range(0, len(self.vectors), step):
            yield slice(start, min(start + step, len(self.vectors)))


def vector_files(stem: str, suffix: str, file_format: VectorFormat) -> list[str]:
    """Name the files of a result; the first one says that it is there."""
    name = f"{stem}{suffix.removesuffix('.pt')}"
    return [f"{name}.npy", f"{name}.ids.txt"] if file_format == "npy" else [f"{name}.{file_format}"]


def require_format(file_format: str) -> None:
    """Refuse a format that is unknown, or whose library is not installed."""
    if file_format not in VECTOR_FORMATS:
        raise ConfigError(f"format {file_format!r:.100} is not one of {', '.join(VECTOR_FORMATS)}")
    library, extra = {"h5": ("h5py", "hdf5"), "parquet": ("pyarrow", "tables")}.get(file_format, ("json", ""))
    try:
        importlib.import_module(library)
    except ImportError as error:
        raise ConfigError(f"format {file_format} needs {library}: pip install 'virnucpro[{extra}]'") from error


def write_vectors(results: Results, files: Sequence[str], file_format: VectorFormat, saved: SavedVectors) -> None:
    """Write all files of a result."""
    streams = [results.open(name) for name in files]
    _WRITE[file_format](streams[0], saved)
    for stream in streams[1:]:  # an ID for each row of an array that holds none
        owners = np.repeat(np.arange(len(saved.ids)), np.diff(saved.offsets)).tolist()
        stream.writelines(f"{saved.ids[row]}\n".encode("utf-8", "surrogateescape") for row in owners)


def _write_pt(stream: BinaryIO, saved: SavedVectors) -> None:
    layout = LAYOUTS[saved.layout]
    if saved.counts is None:
        layout.write(stream, saved.ids, saved.vectors)
        return
    of_ids, of_vectors = layout.keys
    tensors = list(torch.split(shared_tensor(saved.vectors), saved.counts.tolist()))
    torch.save({of_ids: list(saved.ids), of_vectors: tensors}, stream)


def _write_npy(stream: BinaryIO, saved: SavedVectors) -> None:
    np.save(stream, saved.vectors, allow_pickle=False)


def _write_npz(stream: BinaryIO, saved: SavedVectors) -> None:
    more = {} if saved.counts is None else {"offsets": saved.offsets}
    ids = np.frombuffer(_lines(saved.ids), np.uint8)  # an array of text would be as wide as the longest
    np.savez(stream, allow_pickle=False, ids=ids, vectors=saved.vectors, **more)


def _write_h5(stream: BinaryIO, saved: SavedVectors) -> None:
    import h5py

    with h5py.File(stream, "w") as file:
        file.create_dataset("ids", data=list(saved.ids), dtype=h5py.string_dtype())
        vectors = file.create_dataset("vectors", saved.vectors.shape, np.float32)
        for rows in saved.blocks():
            vectors[rows] = saved.vectors[rows]
        if saved.counts is not None:
            file.create_dataset("offsets", data=saved.offsets)


def _write_parquet(stream: BinaryIO, saved: SavedVectors) -> None:
    """One row per vector; those of residues have a position, counted from 0."""
    import pyarrow as pa
    from pyarrow import parquet

    width = saved.vectors.shape[1]
    position = [] if saved.counts is None else [("position", pa.int32())]
    schema = pa.schema([("id", pa.string()), *position, ("vector", pa.list_(pa.float32(), width))])
    ids, offsets = np.array(saved.ids, object), saved.offsets
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for rows in saved.blocks():
            numbers = np.arange(rows.start, rows.stop)
            owners = np.searchsorted(offsets, numbers, side="right") - 1
            columns = [pa.array(ids[owners], pa.string())]
            columns += [pa.array(numbers - offsets[owners], pa.int32())] if position else []
            flat = pa.array(np.asarray(saved.vectors[rows]).ravel())
            columns.append(pa.FixedSizeListArray.from_arrays(flat, width))
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _write_safetensors(stream: BinaryIO, saved: SavedVectors) -> None:
    """Header and numbers, as the format has them; its library would hold them all."""
    texts = _lines(saved.ids)
    more = [] if saved.counts is None else [("offsets", "I64", [len(saved.ids) + 1], 8 * (len(saved.ids) + 1))]
    tensors = [("vectors", "F32", list(saved.vectors.shape), saved.vectors.nbytes), *more]
    header, end = {}, 0
    for name, dtype, shape, size in [*tensors, ("ids", "U8", [len(texts)], len(texts))]:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    stream.write(struct.pack("<Q", len(text)) + text)
    stream.writelines(saved.vectors[rows].tobytes() for rows in saved.blocks())
    stream.write((saved.offsets.tobytes() if more else b"") + texts)


def _lines(ids: Sequence[str]) -> bytes:
    return "\n".join(ids).encode("utf-8", "surrogateescape")


_WRITE: Final[dict[str, Callable[[BinaryIO, SavedVectors], None]]] = {
    "pt": _write_pt, "npy": _write_npy, "npz": _write_npz, "h5": _write_h5, "parquet": _write_parquet,
    "safetensors": _write_safetensors,
}  # fmt: skip
VECTOR_FORMATS: Final = tuple(_WRITE)
