"""``compare``: what differs between the calls of two runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro.runs.manifest import changed_settings, read_manifest
from virnucpro.verbs.prediction import Prediction, read_calls
from virnucpro.writers.table import Table

__all__ = ["Comparison", "compare"]

COMPARED = ("call", "virus_score", "threshold", "best_class")
NOT_THERE = ""


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
    """Compare the calls of two output folders. Records of one ID are matched in file order."""
    runs = (read_calls(first), read_calls(second))
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
        tuple(_settings(first, second)),
        _changes(runs, rows),
    )


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


def _settings(first: Path, second: Path) -> list[str]:
    """List the inputs, models and settings that differ between the manifests of both runs."""
    manifests = [read_manifest(folder / "run.json") for folder in (first, second)]
    if manifests[0] is None or manifests[1] is None:
        return []
    changes = [
        *manifests[0].changes(manifests[1]),
        *changed_settings(manifests[0].output_settings, manifests[1].output_settings),
    ]
    return [f"{what}: {old} in A, {new} in B" for what, old, new in changes]
