"""Merged features, DNA beside protein, in the format that VirNucPro's scripts read; and the DNA features they need.

Rows of merged files stay on the disk until they are used: what is read is a map of the file.
"""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch

from virnucpro.errors import ConfigError, DimensionError, StoreError
from virnucpro.features.spec import DNA_WIDTH, EncoderUse, FeatureContract
from virnucpro.records import EmbeddingTable
from virnucpro.runs.manifests import Receipt, receipt_path

__all__ = [
    "LABELS",
    "MERGED_SUFFIX",
    "MergedPart",
    "find_merged_parts",
    "read_merged",
    "read_receipt",
    "write_merged",
]

MERGED_SUFFIX = "_merged.pt"
LABELS: Final = {"host": 0, "viral": 1}

_DAMAGE = (OSError, EOFError, RuntimeError, pickle.UnpicklingError, KeyError, IndexError, TypeError, ValueError)


@dataclass(frozen=True, eq=False)
class MergedPart:
    """One merged file."""

    path: Path  # the file
    table: EmbeddingTable  # its rows; the vectors are a map of the file
    label: int | None  # 0 host, 1 viral; None in files for prediction
    contract: FeatureContract  # what its receipt says of the rows; without a receipt, widths only


def write_merged(stream: BinaryIO, table: EmbeddingTable, label: int | None) -> None:
    """Write ``{'ids': [id], 'data': float32 tensor, 'labels': [label]}``."""
    content: dict[str, Any] = {"ids": list(table.ids), "data": torch.from_numpy(table.vectors)}
    if label is not None:
        content["labels"] = [label]
    torch.save(content, stream)


def read_merged(path: Path) -> MergedPart:
    """Map a merged file, this package's or VirNucPro's own, without running anything in it."""
    try:
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        ids, data = tuple(content["ids"]), content["data"]
        vectors = data.to(torch.float32).numpy()
        labels = {int(label) for label in content["labels"]} if "labels" in content else {None}
    except _DAMAGE as error:
        raise _no_feature_file(path, "merged", error) from error
    if vectors.ndim != 2 or len(ids) != len(vectors):
        raise StoreError(
            f"{path} holds {len(ids)} ids beside data of shape {vectors.shape}: from the first missing row on, ids "
            "would name other rows; merge again"
        )
    if len(labels) != 1 or not labels <= {None, *LABELS.values()}:
        raise StoreError(f"{path} holds labels {sorted(map(str, labels))}; a file is host (0) or viral (1) as a whole")
    contract = _contract_of(path, vectors.shape[1])
    if contract.width != vectors.shape[1]:
        raise DimensionError(f"{path}: rows are {vectors.shape[1]} wide, its receipt says {contract.width}")
    return MergedPart(path, EmbeddingTable(ids, vectors), next(iter(labels)), contract)


def _contract_of(path: Path, width: int) -> FeatureContract:
    receipt = read_receipt(path)
    content = receipt.details.get("contract") if receipt else None
    if content is None:
        dna = EncoderUse(min(DNA_WIDTH, width))
        return FeatureContract(None, dna, EncoderUse(width - DNA_WIDTH) if width > DNA_WIDTH else None)
    try:
        return FeatureContract.from_dict(content)
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise StoreError(
            f"{receipt_path(path)} says nothing readable of its features: {error!r}; merge again"
        ) from error


def read_receipt(result: Path) -> Receipt | None:
    """Read the receipt of a feature file, whatever it was made from."""
    path = receipt_path(result)
    if not path.exists():
        return None
    try:
        receipt = Receipt.from_json(path.read_bytes())
        size = result.stat().st_size
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as a receipt: {error}; make {result} anew") from error
    if receipt.output_size != size:
        raise StoreError(f"{result} has {size} bytes, its receipt says {receipt.output_size}; make it anew")
    return receipt


def find_merged_parts(folder: Path) -> list[Path]:
    """List the merged files of a folder, ``output_2`` before ``output_10``."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    paths = [path for path in folder.glob(f"*{MERGED_SUFFIX}") if not path.name.startswith(".")]
    if not paths:
        raise ConfigError(
            f"{folder} holds no *{MERGED_SUFFIX} files; make them with 'virnucpro features' or merge_data"
        )
    return sorted(paths, key=lambda path: [int(s) if s.isdecimal() else s for s in re.split(r"(\d+)", path.name)])


def _no_feature_file(path: Path, kind: str, error: Exception) -> StoreError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return StoreError(f"{path} is no {kind} feature file: {reason}; remove it and make it again")
