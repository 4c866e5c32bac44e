"""Reassemble records: each with all of its windows, whichever parts they were computed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from virnucpro.errors import StoreError
from virnucpro.records import Record
from virnucpro.runs.parts import ComputedPart
from virnucpro.runs.run import PartInput
from virnucpro.scoring.windows import ScoredWindows
from virnucpro.verbs.window_rows import WindowSettings, letters

__all__ = ["whole_records"]


def whole_records(
    parts: Iterable[tuple[PartInput, ComputedPart]], settings: WindowSettings
) -> Iterator[tuple[list[Record], ScoredWindows]]:
    """Yield records in input order with their scored windows; the last record of a part waits for the next part."""
    waiting: tuple[Record, ScoredWindows] | None = None
    for given, computed in parts:
        records = list(given.records)
        scored = _scored(given, computed, settings)
        if waiting is not None:
            if given.part.first_unit:
                scored = ScoredWindows.join(waiting[1], scored)
            else:
                records, scored = [waiting[0], *records], ScoredWindows.join(waiting[1], scored.moved(1))
        last = len(records) - 1
        _require_all_windows(records[:last], scored, settings)
        yield records[:last], scored.records(0, last)
        waiting = records[last], scored.records(last, last + 1)
    if waiting is not None:
        _require_all_windows([waiting[0]], waiting[1], settings)
        yield [waiting[0]], waiting[1]


def _scored(given: PartInput, computed: ComputedPart, settings: WindowSettings) -> ScoredWindows:
    lengths_bp = np.array([letters(record) for record in given.records], np.int64)
    windows = settings.windows(given, lengths_bp)
    arrays = computed.arrays
    if len(arrays["status"]) != len(windows):
        raise StoreError(
            f"part {given.part.number} holds {len(arrays['status'])} windows instead of {len(windows)}; "
            "add --overwrite to recompute"
        )
    return ScoredWindows(
        windows, arrays["status"], arrays["row_windows"].astype(np.int64), arrays["frames"], arrays["scores"],
        arrays["log_odds"], arrays["classes"],
    )  # fmt: skip


def _require_all_windows(records: list[Record], scored: ScoredWindows, settings: WindowSettings) -> None:
    """Raise StoreError unless every record has all of its windows."""
    expected = np.array([settings.units(letters(record)) for record in records], np.int64)
    owners = scored.windows.record_rows
    found = np.bincount(owners[owners < len(records)], minlength=len(records))
    if len(records) and not np.array_equal(found, expected):
        wrong = int(np.flatnonzero(found != expected)[0])
        raise StoreError(
            f"record {records[wrong].id!r:.100} has {found[wrong]} windows instead of {expected[wrong]}; "
            "add --overwrite to recompute"
        )
