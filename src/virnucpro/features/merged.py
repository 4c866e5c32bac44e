"""Merged features, DNA beside protein, in the format that VirNucPro's scripts read.

Rows of merged files stay on disk until they are used, because the files are memory-mapped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from virnucpro.errors import ConfigError, DimensionError, StoreError, shown
from virnucpro.features.beside import read_spec_beside
from virnucpro.features.spec import DNA_WIDTH, MAX_WINDOW_BP, EncoderUse, FeatureSpec
from virnucpro.features.vectors import shared_tensor
from virnucpro.models.pickles import PickleError, load_plain
from virnucpro.records import EmbeddingTable

__all__ = ["LABELS", "MERGED_SUFFIX", "MergedPart", "find_merged_parts", "read_merged", "write_merged"]

MERGED_SUFFIX = "_merged.pt"
LABELS: Final = {"non-viral": 0, "viral": 1}

ADVICE = "remove it and make it again with 'virnucpro features' or merge_data"


@dataclass(frozen=True, eq=False)
class MergedPart:
    """One merged file."""

    path: Path
    table: EmbeddingTable  # its rows; the vectors are memory-mapped
    label: int | None  # 0 non-viral, 1 viral; None in files for prediction
    spec: FeatureSpec  # from its manifest; without one, widths only
    window_bp: NDArray[np.int64] | None = None  # (rows,) bases of each row's window, if the file has them


def write_merged(
    stream: BinaryIO,
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    label: int | None,
    window_bp: NDArray[np.int32] | None = None,
) -> None:
    """Write ``{'ids': [id], 'data': float32 tensor, 'labels': [label]}``, and ``'window_bp'`` if known.

    `vectors` may be memory-mapped.
    """
    if len(ids) != len(vectors):
        raise DimensionError(f"{len(ids)} IDs for vectors of shape {vectors.shape}")
    content: dict[str, Any] = {"ids": list(ids), "data": shared_tensor(vectors)}
    if label is not None:
        content["labels"] = [label]
    if window_bp is not None:
        content["window_bp"] = torch.from_numpy(window_bp)
    torch.save(content, stream)


def read_merged(path: Path) -> MergedPart:
    """Memory-map a merged file of this package or of the original VirNucPro; no code in it is run."""
    try:
        content = load_plain(path)
        ids, data = tuple(content["ids"]), content["data"]
        labels = {int(label) for label in content["labels"]} if "labels" in content else {None}
    except PickleError as error:
        raise StoreError(f"{path} {error}; if it should be a merged feature file, {ADVICE}") from error
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise StoreError(f"{path} is no merged feature file: {error!r:.200}; {ADVICE}") from error
    if not isinstance(data, Tensor) or data.ndim != 2 or len(ids) != len(data) or not _is_text(ids):
        shape = tuple(data.shape) if isinstance(data, Tensor) else type(data).__name__
        raise StoreError(
            f"{path} holds {len(ids)} ids beside data of shape {shape}: from the first missing row on, IDs would name "
            f"other rows; {ADVICE}"
        )
    if len(labels) != 1 or not labels <= {None, *LABELS.values()}:
        told = sorted(map(str, labels))[:5]
        raise StoreError(f"{path} holds labels {told}; a file is non-viral (0) or viral (1) as a whole")
    table = EmbeddingTable(ids, _mapped(path, data))
    return MergedPart(path, table, next(iter(labels)), _spec_of(path, data.shape[1]), _window_bp(path, content))


def _window_bp(path: Path, content: Mapping[str, Any]) -> NDArray[np.int64] | None:
    """Bases of each row's window."""
    lengths = content.get("window_bp")
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor) or lengths.dtype != torch.int32 or lengths.shape != (len(content["ids"]),):
        raise StoreError(f"{path} holds window lengths that are not one whole number for each row; {ADVICE}")
    found: NDArray[np.int64] = lengths.numpy().astype(np.int64)
    if len(found) and not 1 <= found.min() <= found.max() <= MAX_WINDOW_BP:
        raise StoreError(f"{path} holds windows of {found.min()} to {found.max()} bases; {ADVICE}")
    return found


def _is_text(ids: tuple[Any, ...]) -> bool:
    return all(isinstance(id_, str) for id_ in ids)


def _mapped(path: Path, data: Tensor) -> NDArray[np.float32]:
    """Give rows as float32, memory-mapped if stored as float32; refuse more numbers than the file has bytes for."""
    if not data.is_floating_point() or data.numel() * data.itemsize > path.stat().st_size:
        raise StoreError(f"{path} holds {data.dtype} data of shape {tuple(data.shape)}, not features; {ADVICE}")
    vectors: NDArray[np.float32] = data.detach().to(torch.float32).numpy()
    return vectors


def _spec_of(path: Path, width: int) -> FeatureSpec:
    spec = read_spec_beside(path)
    if spec is None:
        if not width:
            raise StoreError(f"{path} holds rows without numbers; {ADVICE}")
        dna = EncoderUse(min(DNA_WIDTH, width))
        return FeatureSpec(None, dna, EncoderUse(width - DNA_WIDTH) if width > DNA_WIDTH else None)
    if spec.width != width:
        raise DimensionError(f"{path}: rows are {width} wide, its manifest says {spec.width}; recompute it")
    return spec


def find_merged_parts(folder: Path) -> list[Path]:
    """List the merged files of a folder, ``output_2`` before ``output_10``."""
    if not os.path.isdir(folder):  # Path.is_dir raises for long names
        raise ConfigError(f"{shown(str(folder))}: no such folder")
    paths = [path for path in folder.glob(f"*{MERGED_SUFFIX}") if not path.name.startswith(".")]
    if not paths:
        raise ConfigError(
            f"{folder} holds no *{MERGED_SUFFIX} files; make them with 'virnucpro features' or merge_data"
        )
    return sorted(paths, key=lambda path: [int(s) if s.isdecimal() else s for s in re.split(r"(\d+)", path.name)])
