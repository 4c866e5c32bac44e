"""Tables in columns: tab-separated text, Parquet where pyarrow is installed, or NumPy columns in memory."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, ClassVar, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.runs.results import Results
from virnucpro.writers.cells import ABSENT
from virnucpro.writers.outputs import TABLE_FORMATS, TableFormat
from virnucpro.writers.streams import gzip_stream
from virnucpro.writers.table import Kind, Table, filled
from virnucpro.writers.tally import Tally
from virnucpro.writers.writer import SampleFacts, Writer

__all__ = ["Column", "TableWriter", "known_only", "require_format"]

ROW_GROUP: Final = 65_536
"""Rows of Parquet that are held until they are written."""

Cells = Sequence[Any] | NDArray[Any]
"""One column of some rows; None, or NaN, is a missing value."""


class Column(NamedTuple):
    """What stands in a column."""

    name: str
    kind: Kind = "text"


class RowSink(Protocol):
    """Takes rows, some at a time, column by column."""

    def write(self, *columns: Cells) -> None:
        """Write as many rows as every column has cells."""

    def complete(self) -> None:
        """Write what stands behind the last row."""


def require_format(form: TableFormat) -> None:
    """Refuse a format that cannot be written here."""
    if form not in TABLE_FORMATS:
        raise ConfigError(f"table format {form!r} is not known; choose one of {', '.join(TABLE_FORMATS)}")
    if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ConfigError("Parquet needs pyarrow, which is not installed: pip install 'virnucpro[tables]'")


def known_only(column: NDArray[Any], known: NDArray[np.bool_]) -> list[Any]:
    """Give a column with None where it is not known."""
    return [value if there else None for there, value in zip(known.tolist(), column.tolist(), strict=True)]


class TableWriter(Writer):
    """A result that is one table."""

    STEM: ClassVar[str]
    COLUMNS: ClassVar[tuple[Column, ...]]
    PACKED: ClassVar[bool] = False  # compress it, if it is text

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self.table: RowSink
        if facts.tables is not None:
            self.table = _Columns(self.columns(facts), partial(facts.tables.__setitem__, self.STEM))
            return
        stream = results.open(*self.files(facts))
        if facts.table_format == "parquet":
            self.table = _Parquet(stream, self.columns(facts))
        else:
            self.table = _Tsv(gzip_stream(stream) if self.PACKED else stream, self.columns(facts), self.PACKED)

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:
        """Name its file; a table in memory has none."""
        if facts.tables is not None:
            return []
        packed = ".gz" if cls.PACKED and facts.table_format == "tsv" else ""
        return [f"{cls.STEM}.{facts.table_format}{packed}"]

    @classmethod
    def columns(cls, facts: SampleFacts) -> tuple[Column, ...]:  # noqa: ARG003  some tables have more
        """Say which columns it has."""
        return cls.COLUMNS

    def complete(self, tally: Tally) -> None:  # noqa: ARG002
        """Complete the table."""
        self.table.complete()


class _Tsv:
    """A header, and a line for each row."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column], packed: bool) -> None:
        self._stream, self._columns, self._packed = stream, columns, packed
        stream.write(("\t".join(column.name for column in columns) + "\n").encode())

    def write(self, *columns: Cells) -> None:
        cells = [_texts(values, column) for values, column in zip(columns, self._columns, strict=True)]
        self._stream.write("".join("\t".join(row) + "\n" for row in zip(*cells, strict=True)).encode())

    def complete(self) -> None:
        if self._packed:
            self._stream.close()


def _texts(values: Cells, column: Column) -> Iterator[str]:
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if column.kind == "real":
        return (ABSENT if value is None or value != value else f"{value:.6f}" for value in listed)
    return (ABSENT if value is None else str(value) for value in listed)


class _Parquet:
    """Rows in groups, each compressed."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column]) -> None:
        import pyarrow as pa  # 130 MB on the disk, and only this table needs it
        from pyarrow import parquet

        self._arrow = pa
        types = {"text": pa.string(), "whole": pa.int64(), "real": pa.float64()}
        self._schema = pa.schema([(column.name, types[column.kind]) for column in columns])
        self._writer = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._held: list[Any] = []
        self._rows = 0

    def write(self, *columns: Cells) -> None:
        arrays = [
            self._arrow.array(values, field.type, from_pandas=True)
            for values, field in zip(columns, self._schema, strict=True)
        ]
        self._held.append(self._arrow.record_batch(arrays, schema=self._schema))
        self._rows += len(arrays[0])
        if self._rows >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(self._arrow.Table.from_batches(self._held, self._schema))
        self._held, self._rows = [], 0

    def complete(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()


class _Columns:
    """Columns in memory, handed over when they are complete."""

    def __init__(self, columns: Sequence[Column], hand_over: Callable[[Table], None]) -> None:
        self._columns, self._hand_over = columns, hand_over
        self._held = [[filled(*column, [])] for column in columns]

    def write(self, *columns: Cells) -> None:
        for held, values, column in zip(self._held, columns, self._columns, strict=True):
            held.append(filled(*column, values))

    def complete(self) -> None:
        whole = {column.name: np.concatenate(held) for column, held in zip(self._columns, self._held, strict=True)}
        self._hand_over(Table(whole))
