"""``compare``: what differs between the calls of two runs."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError, shown
from virnucpro.runs.manifest import changed_settings, read_manifest
from virnucpro.verbs.prediction import Prediction, folders_of_calls, open_calls
from virnucpro.writers.table import Table

__all__ = ["Comparison", "compare"]

COMPARED = ("call", "virus_score", "threshold", "best_class")
NOT_THERE = ""
MANIFEST: Final = "run.json"
NAMED: Final = 5
"""Samples that a message names."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs, record by record."""

    same: int  # records of both with one call
    changed: Counter[tuple[str, str]]  # records of both by their two calls
    only: tuple[int, int]  # records that only one run has
    largest_difference: float  # between two scores of a record; NaN where none has two
    settings: tuple[str, ...]  # what the runs were made with, where it differs
    table: Table  # records whose calls differ, or that only one run has

    @property
    def is_same(self) -> bool:
        """Whether both runs have the same records with the same calls."""
        return not self.changed and not any(self.only)


def compare(first: Path, second: Path) -> Comparison:
    """Compare the calls of two output folders. Records of one ID are matched in file order.

    Both hold one sample, or both hold several, which are matched by name; anything else is a ConfigError.
    """
    folders = (folders_of_calls(first), folders_of_calls(second))
    runs = (open_calls(first, folders[0]), open_calls(second, folders[1]))
    _require_as_many((first, second), folders)
    keys = _keys(runs)
    _, in_first, in_second = np.intersect1d(*keys, assume_unique=True, return_indices=True)
    order = np.argsort(in_first)
    in_first, in_second = in_first[order], in_second[order]
    calls = [runs[0]["call"][in_first], runs[1]["call"][in_second]]
    differ = calls[0] != calls[1]
    only = [np.flatnonzero(~np.isin(keys[run], keys[1 - run])) for run in (0, 1)]
    nowhere = [np.full(len(rows), -1) for rows in only]
    rows = (
        np.concatenate((in_first[differ], only[0], nowhere[1])),
        np.concatenate((in_second[differ], nowhere[0], only[1])),
    )
    scores = np.abs(runs[0]["virus_score"][in_first] - runs[1]["virus_score"][in_second])
    known = scores[~np.isnan(scores)]
    return Comparison(
        int((~differ).sum()),
        Counter(zip(calls[0][differ].tolist(), calls[1][differ].tolist(), strict=True)),
        (len(only[0]), len(only[1])),
        float(known.max()) if len(known) else float("nan"),
        _settings(folders),
        _changes(runs, rows),
    )


def _require_as_many(given: tuple[Path, Path], folders: tuple[list[Path], list[Path]]) -> None:
    """Refuse several samples beside a single one, and name the folder to compare; ConfigError."""
    if (len(folders[0]) > 1) is (len(folders[1]) > 1):
        return
    many = 0 if len(folders[0]) > 1 else 1
    names = [folder.name for folder in folders[many]]
    one = [each for folder in folders[1 - many] if (each := _sample_in(folder)) in names]
    instead = [str(path) for path in given]
    instead[many] = str(given[many] / (one or names)[0])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    told = shown(", ".join(names[:NAMED])) + more
    raise ConfigError(
        f"{shown(str(given[many]))} holds the calls of {len(names):,} samples ({told}), "
        f"and {shown(str(given[1 - many]))} those of one; compare the folder of one sample"
        f"{'' if one else ', such as'}: {shown(shlex.join(['virnucpro', 'compare', *instead]), 1000)}"
    )


def _sample_in(folder: Path) -> str:
    manifest = read_manifest(folder / MANIFEST)
    return str(manifest.output_settings.get("sample", "")) if manifest else ""


def _keys(runs: tuple[Prediction, Prediction]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the records of both runs: the same number is the same sample, ID and place among records of this ID."""
    samples, ids = (
        np.unique(np.concatenate(columns), return_inverse=True)[1]
        for columns in ([_samples(run) for run in runs], [run["record"] for run in runs])
    )
    names = np.unique(samples * len(ids) + ids, return_inverse=True)[1].astype(np.int64)
    first, second = (one * len(names) + _place(one) for one in np.split(names, [len(runs[0]["record"])]))
    return first, second


def _samples(run: Prediction) -> NDArray[Any]:
    """Names of samples where there are several; a run of one matches a run of the same records with another name."""
    several = "sample" in run.columns and len(np.unique(run["sample"])) > 1
    return run["sample"] if several else np.full(len(run["record"]), "")


def _place(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count for each record the earlier ones of its name."""
    order = np.argsort(names, kind="stable")
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names)) - np.searchsorted(names[order], names[order])
    return place


def _changes(runs: tuple[Prediction, Prediction], rows: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Table:
    """Put what both runs say of some records side by side; -1 is a record that a run has not."""
    columns: dict[str, NDArray[Any]] = {}
    for name in ("record", "length"):
        columns[name] = np.where(rows[0] >= 0, _taken(runs[0], name, rows[0]), _taken(runs[1], name, rows[1]))
    for name in COMPARED:
        for run, taken, side in zip(runs, rows, "ab", strict=True):
            missing = np.nan if run[name].dtype.kind == "f" else NOT_THERE
            columns[f"{name}_{side}"] = np.where(taken >= 0, _taken(run, name, taken), missing)
    return Table(columns)


def _taken(run: Prediction, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    column = run[name]
    return column[rows] if len(column) else np.zeros(len(rows), column.dtype)


def _settings(folders: tuple[list[Path], list[Path]]) -> tuple[str, ...]:
    """List the inputs, models and settings that differ between the manifests of both runs, sample by sample."""
    several = len(folders[0]) > 1
    first, second = ({each.name if several else "": each / MANIFEST for each in side} for side in folders)
    lines = [line for name, path in first.items() if name in second for line in _changed(path, second[name])]
    return tuple(dict.fromkeys(lines))  # most settings are those of all samples


def _changed(first: Path, second: Path) -> list[str]:
    old, new = read_manifest(first), read_manifest(second)
    if old is None or new is None:
        return []
    changes = [*old.changes(new), *changed_settings(old.output_settings, new.output_settings)]
    return [f"{what}: {was} in A, {now} in B" for what, was, now in changes]
