"""Row IDs: ``{record}_chunk_{window}{frame}``, such as ``NC_001416.1_chunk_12R3``; a whole window has no frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import InputError
from virnucpro.sequences.orfs import FRAME_NAMES, WHOLE_WINDOW, Rows
from virnucpro.sequences.windows import Windows

__all__ = ["Sources", "number_sources", "row_ids", "split_row_id"]

_ROW_ID = re.compile(r"(.+)_chunk_(\d+)([FR][1-3])?", re.DOTALL)

Sources = tuple[NDArray[np.int64], NDArray[np.int64]]
"""For every row, the number of its record and of its window, each from 0 in order of first appearance."""


def row_ids(record_ids: Sequence[str], windows: Windows, rows: Rows) -> list[str]:
    """IDs of the rows of windows; ``windows.record_rows`` are indices into `record_ids`."""
    prefixes, frames = [f"{id_}_chunk_" for id_ in record_ids], {**dict(enumerate(FRAME_NAMES)), WHOLE_WINDOW: ""}
    columns = windows.record_rows[rows.window_rows], windows.numbers[rows.window_rows], rows.frames
    return [
        f"{prefixes[record]}{number}{frames[frame]}"
        for record, number, frame in zip(*(column.tolist() for column in columns), strict=True)
    ]


def split_row_id(row_id: str) -> tuple[str, int, str]:
    """Split a row ID into record, window and frame.

    Examples
    --------
    >>> split_row_id("phage_chunk_7_chunk_12R3")
    ('phage_chunk_7', 12, 'R3')
    """
    found = _ROW_ID.fullmatch(row_id)
    if found is None:
        raise InputError(
            f"row id {row_id!r} is not RECORD_chunk_NUMBER with a frame (F1 to R3), so its source record is not known"
        )
    return found[1], int(found[2]), found[3] or ""


def number_sources(row_ids: Iterable[str]) -> Sources:
    """Number the records and windows that rows come from."""
    records: dict[str, int] = {}
    windows: dict[tuple[int, int], int] = {}
    numbers = []
    for row_id in row_ids:
        record, window, _ = split_row_id(row_id)
        record_number = records.setdefault(record, len(records))
        numbers.append((record_number, windows.setdefault((record_number, window), len(windows))))
    table = np.array(numbers, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
