"""What `predict` gives: its calls as a table, with windows and regions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from virnucpro.errors import StoreError
from virnucpro.runs.run import Outcome
from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.writers.columns import Columns
from virnucpro.writers.reading import read_table
from virnucpro.writers.table import Table

__all__ = ["Prediction", "read_calls"]

STEMS = ("calls", "windows", "regions")


class Prediction(Table):
    """The calls of a run: one row per record, in input order.

    ``prediction["virus_score"]`` is a NumPy column, ``prediction.columns`` names all of them, iteration gives the
    rows as named tuples, ``len`` counts them, and a notebook shows the first ones. Positions are 0-based and half-open.
    Of a run with an output folder, tables are read from there when they are first used.

    Parameters
    ----------
    tables : callable
        Gives the table named ``calls``, ``windows`` or ``regions``; None where there is none.
    outdir : path or None
        Where the results lie; None for a prediction in memory.
    outcome : Outcome or None
        What the engine did; None for a prediction that was read.
    device : str
        Where the encoders ran, and their number format.

    See Also
    --------
    predict : Makes predictions.
    read_calls : Reads those of a finished run.
    """

    def __init__(
        self, tables: Callable[[str], Table | None], outdir: Path | None, outcome: Outcome | None, device: str
    ) -> None:
        self._tables, self.outdir, self._outcome, self.device = tables, outdir, outcome, device

    @classmethod
    def in_memory(cls, kept: Columns, outcome: Outcome, device: str) -> Prediction:
        """Take the tables of a run without a folder."""
        return cls(kept.table, None, outcome, device)

    @classmethod
    def in_folder(cls, outdir: Path, outcome: Outcome | None = None, device: str = "") -> Prediction:
        """Read tables from a folder when they are asked for."""
        return cls(lambda stem: read_table(outdir, stem), outdir, outcome, device)

    @property
    def outcome(self) -> Outcome:
        """What was computed or skipped."""
        if self._outcome is None:
            raise StoreError("this prediction was read from a folder, and not computed now")
        return self._outcome

    @property
    def counts(self) -> Mapping[str, Any]:
        """Records by call and status, and rows."""
        manifest = self._outcome.manifest if self._outcome else None
        return manifest.counts if manifest else {}

    @cached_property
    def _columns(self) -> Mapping[str, Any]:  # type: ignore[override]
        return self._table("calls")._columns

    @cached_property
    def windows(self) -> Table:
        """One row per window, by record and position."""
        return self._table("windows")

    @cached_property
    def regions(self) -> Table:
        """One row per viral record and per provirus."""
        return self._table("regions")

    def _table(self, stem: str) -> Table:
        found = self._tables(stem)
        if found is None:
            raise StoreError(f"{self.outdir} holds no {stem}.tsv; predict without outdir keeps all tables in memory")
        return found

    def __repr__(self) -> str:
        return f"{self._summary()}\n{super().__repr__()}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._summary())}</p>{super()._repr_html_()}"

    def _summary(self) -> str:
        calls = Counter(self["call"].tolist())
        told = ", ".join(f"{calls[call]:,} {call}" for call in (VIRAL, NON_VIRAL, NOT_SCORED))
        return f"{len(self):,} record{'s' * (len(self) != 1)}: {told}"


def read_calls(outdir: str | Path) -> Prediction:
    """Open the results of a finished run of `predict`.

    Parameters
    ----------
    outdir : path
        The output folder of ``virnucpro predict``, with ``calls.tsv`` or ``calls.parquet``.

    Returns
    -------
    Prediction
        Its calls, windows and regions, as far as they were written; numbers have the digits of the files.

    Raises
    ------
    StoreError
        If the folder holds no calls, or a table is damaged.

    Examples
    --------
    >>> from virnucpro import read_calls
    >>> read_calls("calls").to_pandas()  # doctest: +SKIP
    """
    found = Prediction.in_folder(Path(outdir))
    len(found)
    return found
