"""Rows of many labelled files as one sequence; they stay on disk until a batch needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError, DimensionError, InputError
from virnucpro.features.merged import LABELS, MergedPart, find_merged_parts, read_merged
from virnucpro.features.spec import FeatureSpec

__all__ = ["LabelledRows", "open_labelled_rows"]


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows of viral and non-viral files, numbered consecutively."""

    parts: tuple[MergedPart, ...]  # the files, viral ones first
    part_labels: tuple[int, ...]  # 0 non-viral, 1 viral, one per part
    spec: FeatureSpec  # what the rows are; the same in every part

    def __len__(self) -> int:
        return int(self._starts[-1])

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Number of the first row of each file, then the number of all rows."""
        return np.cumsum([0, *(len(part.table) for part in self.parts)], dtype=np.int64)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """0 non-viral, 1 viral; shape (rows,)."""
        return np.repeat(np.array(self.part_labels, np.int64), np.diff(self._starts))

    @cached_property
    def window_bp(self) -> NDArray[np.int64] | None:
        """Bases of each row's window; None if the features do not record them."""
        known = [part.window_bp for part in self.parts]
        if all(lengths is not None for lengths in known):
            return np.concatenate([lengths for lengths in known if lengths is not None])
        return None if self.spec.window_bp is None else np.full(len(self), self.spec.window_bp, np.int64)

    def ids(self) -> Iterator[str]:
        """Give the ID of every row, in order."""
        return chain.from_iterable(part.table.ids for part in self.parts)

    @cached_property
    def ids_sha256(self) -> str:
        """Digest of all IDs in order; equal for the same rows."""
        digest = hashlib.sha256()
        for id_ in self.ids():
            digest.update(id_.encode("utf-8", "surrogateescape") + b"\n")
        return digest.hexdigest()

    def gather(self, rows: NDArray[np.int64], columns: slice) -> NDArray[np.float32]:
        """Read some rows."""
        gathered = np.empty((len(rows), len(range(*columns.indices(self.spec.width)))), np.float32)
        part_of_row = np.searchsorted(self._starts, rows, side="right") - 1
        for part in np.unique(part_of_row):
            here = part_of_row == part
            gathered[here] = self.parts[part].table.vectors[rows[here] - self._starts[part], columns]
        return gathered


def open_labelled_rows(viral: Path, non_viral: Path, window_bp: int | None = None) -> LabelledRows:
    """Open two folders of merged parts."""
    if viral.resolve() == non_viral.resolve():
        raise ConfigError(f"the viral and the non-viral features are the same folder, {viral}")
    parts: list[MergedPart] = []
    part_labels: list[int] = []
    for name, folder in (("viral", viral), ("non-viral", non_viral)):
        for path in find_merged_parts(folder):
            parts.append(_checked(read_merged(path), name))
            part_labels.append(LABELS[name])
    return LabelledRows(tuple(parts), tuple(part_labels), _common_spec(parts, window_bp))


def _checked(part: MergedPart, name: str) -> MergedPart:
    if part.label not in (None, LABELS[name]):
        raise InputError(f"{part.path} is labelled {part.label}, and was given as {name} ({LABELS[name]})")
    if not len(part.table):
        raise InputError(f"{part.path} holds no rows; remove it")
    return part


def _common_spec(parts: Sequence[MergedPart], window_bp: int | None) -> FeatureSpec:
    """Find the spec that all files share; a file may fill in what others leave unknown."""
    first = max(parts, key=lambda part: _told(part.spec))
    for part in parts:
        try:
            first.spec.require(part.spec)
        except (ConfigError, DimensionError) as error:
            raise type(error)(f"{part.path} does not go with {first.path}: {error}") from error
    told = first.spec.window_bp
    if None not in (window_bp, told) and window_bp != told:
        raise ConfigError(f"--window {window_bp}: {first.path} was made of windows of {told} bp")
    return replace(first.spec, window_bp=told or window_bp)


def _told(spec: FeatureSpec) -> int:
    return sum(use.identity is not None for use in spec.parts.values()) + (spec.window_bp is not None)
