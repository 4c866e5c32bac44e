"""``compare``: what differs between the calls of two runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro.runs.manifest import read_manifest
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
    places = [{key: row for row, key in enumerate(_numbered(_names(run)))} for run in runs]
    both = np.array([(row, places[1][key]) for key, row in places[0].items() if key in places[1]], np.int64)
    in_first, in_second = both.reshape(-1, 2).T
    calls = [runs[0]["call"][in_first], runs[1]["call"][in_second]]
    differ = calls[0] != calls[1]
    only = [
        np.array([row for key, row in places[run].items() if key not in places[1 - run]], np.int64) for run in (0, 1)
    ]
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


def _names(run: Prediction) -> list[str]:
    """IDs of records; behind the name of their sample where there are several."""
    ids: list[str] = run["record"].tolist()
    samples: list[str] = run["sample"].tolist() if "sample" in run.columns else []
    several = len(set(samples)) > 1
    return [f"{sample}\t{id_}" for sample, id_ in zip(samples, ids, strict=True)] if several else ids


def _numbered(ids: Iterable[str]) -> list[tuple[str, int]]:
    """Tell records of one ID apart by their order."""
    seen: Counter[str] = Counter()
    keys = []
    for id_ in ids:
        keys.append((id_, seen[id_]))
        seen[id_] += 1
    return keys


def _changes(runs: tuple[Prediction, Prediction], rows: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Table:
    """Put what both runs say of some records side by side; -1 is a record that a run has not."""
    columns: dict[str, NDArray[Any]] = {}
    for name in ("record", "length"):
        columns[name] = np.where(rows[0] >= 0, _taken(runs[0], name, rows[0]), _taken(runs[1], name, rows[1]))
    for name in COMPARED:
        for run, taken, side in zip(runs, rows, "ab", strict=True):
            missing = NOT_THERE if run[name].dtype.kind == "U" else np.nan
            columns[f"{name}_{side}"] = np.where(taken >= 0, _taken(run, name, taken), missing)
    return Table(columns)


def _taken(run: Prediction, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    column = run[name]
    return column[rows] if len(column) else np.zeros(len(rows), column.dtype)


def _settings(first: Path, second: Path) -> list[str]:
    """Say what the manifests of both runs tell of other inputs, models or settings."""
    manifests = [read_manifest(folder / "run.json") for folder in (first, second)]
    if manifests[0] is None or manifests[1] is None:
        return []
    shown = [manifest.output_settings for manifest in manifests if manifest]
    return [told.replace(" then, ", " in A, ").removesuffix(" now") + " in B"
            for told in manifests[0].differences(manifests[1])] + [
        f"{key}: {shown[0].get(key)} in A, {shown[1].get(key)} in B"
        for key in sorted({*shown[0], *shown[1]}) if shown[0].get(key) != shown[1].get(key)
    ]  # fmt: skip
