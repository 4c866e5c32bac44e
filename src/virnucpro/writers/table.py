"""A table of results in memory: NumPy columns with names."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RECORD", "Kind", "Table", "filled"]

SHOWN_ROWS: Final = 10
NO_POSITION: Final = -1
"""Stands in columns of whole numbers for a position that there is none of."""
RECORD: Final = "record"
"""Its IDs are Python strings: in an array of text each would be as wide as the longest."""

Kind = Literal["text", "whole", "real"]
"""What the cells of a column are."""

_TYPES: Final[dict[Kind, type]] = {"text": np.str_, "whole": np.int64, "real": np.float64}
_MISSING: Final[dict[Kind, Any]] = {"text": "", "whole": NO_POSITION, "real": np.nan}


def filled(name: str, kind: Kind, cells: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Make the column of a table; None is a missing cell."""
    wanted = object if name == RECORD else _TYPES[kind]
    if isinstance(cells, np.ndarray):
        return cells.astype(wanted) if kind != "text" else np.array(cells.tolist(), wanted)  # as wide as its texts
    return np.array([_MISSING[kind] if cell is None else cell for cell in cells], wanted)


class Table:
    """Rows of results, in NumPy columns of one length.

    A column is ``table["name"]``; iteration gives the rows as named tuples. A missing number is NaN, or -1 in a column
    of whole numbers; a missing text is empty.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        Columns by name, all of one length.

    Raises
    ------
    ConfigError
        If the columns are of different lengths.

    Examples
    --------
    >>> import numpy as np
    >>> from virnucpro import Table
    >>> table = Table({"record": np.array(["a", "b"]), "virus_score": np.array([0.9, np.nan])})
    >>> table["virus_score"]
    array([0.9, nan])
    >>> for row in table:
    ...     print(row.record, row.virus_score)
    a 0.9
    b nan
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._columns = dict(columns)
        lengths = {name: len(column) for name, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise ConfigError(f"columns are of different lengths: {lengths}")

    @staticmethod
    def stacked(tables: Sequence[Table]) -> Table:
        """Put the rows of tables behind each other; columns are those that all of them have."""
        common = [name for name in tables[0].columns if all(name in table.columns for table in tables)]
        return Table({name: np.concatenate([table[name] for table in tables]) for name in common})

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            raise KeyError(f"no column {name!r}; there are {', '.join(self._columns)}")
        return self._columns[name]

    def __iter__(self) -> Iterator[Any]:
        row: Any = namedtuple("Row", self._columns, rename=True)  # type: ignore[misc]
        return map(row._make, zip(*(column.tolist() for column in self._columns.values()), strict=True))

    def to_pandas(self) -> pd.DataFrame:
        """Give the table as a data frame.

        Returns
        -------
        pandas.DataFrame
            Whole numbers that may be missing are ``Int64``; missing text is ``NA``.

        Raises
        ------
        ConfigError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ConfigError("to_pandas needs pandas: pip install pandas") from error
        frame = pd.DataFrame(self._columns)
        for name, column in self._columns.items():
            if column.dtype.kind == "i" and (column == NO_POSITION).any():
                frame[name] = frame[name].astype("Int64").mask(column == NO_POSITION)
            elif column.dtype.kind == "U":
                frame[name] = frame[name].astype("string").mask(column == "") if name != RECORD else frame[name]
        return frame

    def __repr__(self) -> str:
        rows = [self.columns, *(tuple(map(_shown, row)) for row in self._first())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, *self._more()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_shown(value))}</td>" for value in row) + "</tr>" for row in self._first()
        )
        more = "".join(f"<p>{escape(line)}</p>" for line in self._more())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _first(self) -> Iterator[Any]:
        return iter(Table({name: column[:SHOWN_ROWS] for name, column in self._columns.items()}))

    def _more(self) -> list[str]:
        left = len(self) - SHOWN_ROWS
        return [f"... {left:,} more row{'s' * (left > 1)}"] if left > 0 else []


def _shown(value: object) -> str:
    """Show one cell."""
    if value == "" or value == NO_POSITION or value != value:
        return "NA"
    return f"{value:.4g}" if isinstance(value, float) else shown(str(value), 60)
