"""What `predict` gives: its calls as a table, with windows and regions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any, Final

from virnucpro.errors import StoreError, counted, shown
from virnucpro.runs.manifest import read_manifest
from virnucpro.runs.run import Outcome, State
from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.verbs.summary import samples_of
from virnucpro.writers.reading import read_table
from virnucpro.writers.table import RECORD, Table

__all__ = ["TABLES", "Prediction", "SampleCalls", "folders_of_calls", "open_calls", "read_calls", "read_tables"]

TABLES: Final = ("calls", "windows", "regions")
MANIFEST: Final = "run.json"


@dataclass(frozen=True, eq=False)
class SampleCalls:
    """What `predict` did with one sample."""

    name: str
    outdir: Path
    outcome: Outcome
    in_memory: bool = False  # the folder is gone

    @property
    def counts(self) -> Mapping[str, Any]:
        """Records by call and status, bases, rows; empty when nothing was written."""
        return self.outcome.manifest.counts if self.outcome.manifest else {}

    def __repr__(self) -> str:
        where = "in memory" if self.in_memory else shown(str(self.outdir))
        calls = self.counts.get("calls")
        about = [self.outcome.state.value, where] + ([] if calls is None else [_told(calls)])
        return f"<sample {self.name!r}: {', '.join(about)}>"


class Prediction(Table):
    """The calls of a run: one row per record, in input order.

    ``prediction["virus_score"]`` is a NumPy column, ``prediction.columns`` names all of them, iteration gives the
    rows as named tuples, ``len`` counts them, and a notebook shows the first ones. Positions are 0-based and half-open.
    Tables are read when they are first used.

    Parameters
    ----------
    tables_of : callable
        Gives the tables of a name, such as "calls", sample by sample.
    samples : sequence of SampleCalls
        What was computed or skipped, sample by sample; empty for results that were read.
    outdir : path or None
        Folder of all results; None for a prediction in memory.
    device : str
        Where the encoders ran, and their number format.

    See Also
    --------
    predict : Makes predictions.
    read_calls : Reads those of a finished run.
    """

    def __init__(
        self,
        tables_of: Callable[[str], Sequence[Table]],
        samples: Sequence[SampleCalls],
        outdir: Path | None,
        device: str,
    ) -> None:
        self._tables_of, self.samples, self.outdir, self.device = tables_of, tuple(samples), outdir, device
        self._stacked: dict[str, Table] = {}

    @property
    def counts(self) -> Mapping[str, Any]:
        """Records by call and status, bases, rows, of all samples together; empty when nothing was written."""
        total: dict[str, Any] = {}
        for sample in self.samples:
            for name, count in sample.counts.items():
                if isinstance(count, Mapping):
                    total[name] = dict(Counter(total.get(name, {})) + Counter(count))
                else:
                    total[name] = total.get(name, 0) + count
        return total

    @cached_property
    def _columns(self) -> Mapping[str, Any]:  # type: ignore[override]
        calls = self._table("calls")
        return {name: calls[name] for name in calls.columns}

    @property
    def windows(self) -> Table:
        """One row per window, by record and position."""
        return self._table("windows")

    @property
    def regions(self) -> Table:
        """One row per viral record and per provirus."""
        return self._table("regions")

    def _table(self, stem: str) -> Table:
        if stem not in self._stacked:
            found = self._tables_of(stem)
            if not found:
                where = f"{self.outdir} holds" if self.outdir else "this prediction has"
                raise StoreError(
                    f"{where} no table of {stem}; it is left out by settings, or needs a calibrated classifier"
                )
            self._stacked[stem] = Table.stacked(found)
        return self._stacked[stem]

    def __repr__(self) -> str:
        return f"{self._summary()}\n{super().__repr__()}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._summary())}</p>{super()._repr_html_()}"

    def _summary(self) -> str:
        return _told(Counter(self["call"].tolist()))


def _told(calls: Mapping[str, int]) -> str:
    """Say how many records there are by their calls."""
    told = ", ".join(f"{calls.get(call, 0):,} {call}" for call in (VIRAL, NON_VIRAL, NOT_SCORED))
    return f"{counted(sum(calls.values()), 'record')}: {told}"


def read_calls(outdir: str | Path) -> Prediction:
    """Open the results of a finished run of `predict`.

    Parameters
    ----------
    outdir : path
        The output folder of ``virnucpro predict``, of one sample or of several.

    Returns
    -------
    Prediction
        Its calls, windows and regions, as far as they were written. Samples follow each other by name;
        those of earlier runs in the same folder are left out.

    Raises
    ------
    StoreError
        If the folder holds no calls, or a table is damaged.

    Examples
    --------
    >>> from virnucpro import read_calls
    >>> read_calls("calls").to_pandas()  # doctest: +SKIP
    """
    folder = Path(outdir)
    return open_calls(folder, folders_of_calls(folder))


def open_calls(folder: Path, folders: Sequence[Path]) -> Prediction:
    """Open the calls that `folders_of_calls` found for a folder."""
    found = Prediction(partial(read_tables, folders), (), folder, "")
    if missing := [name for name in (RECORD, "call", "virus_score") if name not in found.columns]:
        raise StoreError(f"{folder}: its calls have no column {', '.join(missing)}; make them again")
    return found


def folders_of_calls(folder: Path) -> list[Path]:
    """List the folders that hold the calls of a run: its own, or those of its samples."""
    return [folder] if _read(folder, "calls") is not None else _of_samples(folder)


def read_tables(folders: Sequence[Path], stem: str) -> list[Table]:
    """Read the tables of a stem, of those samples that have one."""
    return [table for folder in folders if (table := _read(folder, stem)) is not None]


def _read(folder: Path, stem: str) -> Table | None:
    """Read a table of the run in a folder; what another one left there is not taken."""
    manifest = read_manifest(folder / MANIFEST)
    if manifest is None:
        return read_table(folder, stem)
    table, outputs = read_table(folder, stem, {one.path for one in manifest.results}), manifest.output_settings
    if table is None and isinstance(names := outputs.get("outputs"), list) and stem in names:
        raise StoreError(f"{folder} holds no table of {stem}, which its run has written; add --overwrite to recompute")
    return table


def _of_samples(folder: Path) -> list[Path]:
    """List the folders of the samples of the last run; where no run says which, all that hold results."""
    found = sorted(manifest.parent for manifest in folder.glob(f"*/{MANIFEST}"))
    manifest = read_manifest(folder / MANIFEST)
    if manifest is None:
        return found
    states = samples_of(folder, manifest)
    written = {name for name, state in states.items() if state in (State.WRITTEN.value, State.FINISHED.value)}
    if gone := sorted(written.difference(one.name for one in found)):
        told = ", ".join(shown(name) for name in gone)
        raise StoreError(f"{folder} holds no results of {told}, which its run has written; run the same command again")
    return [one for one in found if states.get(one.name, State.REFUSED.value) != State.REFUSED.value]
