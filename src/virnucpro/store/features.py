"""Feature files in the formats that VirNucPro's scripts read."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import BinaryIO

import torch

from virnucpro.errors import DimensionError, StoreError
from virnucpro.records import EmbeddingTable

__all__ = ["PROTEIN_SUFFIX", "read_protein_features", "write_protein_features"]

PROTEIN_SUFFIX = "_ESM.pt"


def write_protein_features(stream: BinaryIO, table: EmbeddingTable) -> None:
    """Write ``{'proteins': [id], 'data': [1-D float32 tensor]}``.

    Parameters
    ----------
    stream : BinaryIO
        Where to.
    table : EmbeddingTable
        All rows; they become views of one storage, so that a file of 10,000 rows is one block.
    """
    rows = list(torch.from_numpy(table.vectors).unbind(0))
    torch.save({"proteins": list(table.ids), "data": rows}, stream)


def read_protein_features(path: Path) -> EmbeddingTable:
    """Read a protein feature file, this package's or VirNucPro's own, without running anything in it.

    Parameters
    ----------
    path : Path
        An `*_ESM.pt` file.

    Returns
    -------
    EmbeddingTable
        Its rows.

    Raises
    ------
    StoreError
        If it is damaged or not such a file.
    DimensionError
        If its vectors are not of one width.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        ids, data = content["proteins"], content["data"]
        if len(shapes := {tuple(row.shape) for row in data}) > 1:
            raise DimensionError(f"{path}: vectors of shapes {', '.join(map(str, sorted(shapes)))}; extract again")
        vectors = torch.stack(list(data)).float().numpy() if data else torch.empty(0, 0).numpy()
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(f"{path} is no protein feature file: {reason}; remove it and extract again") from error
    if len(ids) != len(vectors):
        raise StoreError(f"{path} holds {len(ids)} ids beside {len(vectors)} vectors; remove it and extract again")
    return EmbeddingTable(tuple(ids), vectors)
