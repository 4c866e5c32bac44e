"""Tables of a finished run, read back into memory."""

from __future__ import annotations

import gzip
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from virnucpro.errors import ConfigError, StoreError, shown
from virnucpro.writers.cells import ABSENT
from virnucpro.writers.table import RECORD, Kind, Table, filled

__all__ = ["read_table"]

SAMPLE: Final = "sample"
WHOLE: Final = (
    "length", "n_windows", "n_scored", "best_start", "best_end", "window", "window_start", "window_end",
    "region_start", "region_end",
)  # fmt: skip
TEXT: Final = (SAMPLE, RECORD, "call", "best_class", "status", "kind", "warnings")


def read_table(folder: Path, stem: str, written: Container[str] | None = None) -> Table | None:
    """Read ``STEM.tsv``, ``STEM.tsv.gz`` or ``STEM.parquet``, if it is among `written`; None when there is none."""
    for name in (f"{stem}.tsv", f"{stem}.tsv.gz", f"{stem}.parquet"):
        path = folder / name
        if (written is None or name in written) and path.is_file():
            try:
                return Table(_parquet(path) if path.suffix == ".parquet" else _tsv(path))
            except (OSError, EOFError, ValueError, IndexError) as error:
                raise StoreError(f"{path} cannot be read: {shown(str(error))}; make it again") from error
    return None


def _tsv(path: Path) -> dict[str, NDArray[Any]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
        header, *lines = stream.read().decode().removesuffix("\n").split("\n")
    names = header.split("\t")
    rows = [line.split("\t") for line in lines]
    wrong = next((number for number, row in enumerate(rows, start=2) if len(row) != len(names)), None)
    if wrong is not None:
        raise ValueError(f"line {wrong} has {len(rows[wrong - 2])} cells, its header {len(names)}")
    columns = zip(*rows, strict=True) if rows else [() for _ in names]
    return {name: _typed(name, cells) for name, cells in zip(names, columns, strict=True)}


def _typed(name: str, cells: Sequence[str]) -> NDArray[Any]:
    """Type a column by its name."""
    kind = _kind_of(name)
    if name in (SAMPLE, RECORD):  # a name or an ID may be "NA"
        return filled(name, kind, cells)
    parse = {"text": str, "whole": int, "real": float}[kind]
    return filled(name, kind, [None if cell == ABSENT else parse(cell) for cell in cells])


def _kind_of(name: str) -> Kind:
    """Say what a column holds: text, whole numbers, else real numbers."""
    return "text" if name in TEXT else "whole" if name in WHOLE else "real"


def _parquet(path: Path) -> dict[str, NDArray[Any]]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"{path} needs pyarrow: pip install 'virnucpro[tables]'") from error
    found = parquet.read_table(path).to_pydict()
    return {name: filled(name, _kind_of(name), cells) for name, cells in found.items()}
