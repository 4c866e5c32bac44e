"""Finished parts on disk: columns in `.npz` files, at most 1,000 per folder, each complete or absent."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.records import Failure
from virnucpro.runs.files import whole_file

__all__ = ["Arrays", "ComputedPart", "PartStore"]

Arrays = Mapping[str, NDArray[Any]]

FILES_IN_A_FOLDER: Final = 1000
_ABOUT: Final = "about"
_DAMAGE = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class ComputedPart:
    """The result of computing a part."""

    arrays: Arrays
    failures: tuple[Failure, ...] = ()  # `number` is the record's place in the part, from 0
    counts: Mapping[str, int] | None = None  # added up in the manifest


class PartStore:
    """The parts of one plan. A file that is damaged, or of another plan, counts as absent."""

    def __init__(self, folder: Path, key: str, scratch: Path) -> None:
        self.folder, self.key, self.scratch = folder, key, scratch

    def path(self, number: int) -> Path:
        """Path of a part."""
        return self.folder / f"{number // FILES_IN_A_FOLDER:04}" / f"part_{number:07}.npz"

    def save(self, number: int, computed: ComputedPart) -> None:
        """Write one part; should it be lost in a power failure, it is computed again."""
        about = {
            "key": self.key,
            "number": number,
            "failures": [astuple(failure) for failure in computed.failures],
            "counts": dict(computed.counts or {}),
        }
        text = np.frombuffer(json.dumps(about).encode(), np.uint8)
        with whole_file(self.path(number), self.scratch, keep_name=False) as stream:
            np.savez(stream, **{_ABOUT: text}, **computed.arrays)  # type: ignore[arg-type]

    def named(self) -> set[int]:
        """Numbers of the files that are there, from the names alone: some may be damaged, or of another plan."""
        numbers = (path.stem.partition("_")[2] for path in self.folder.glob("*/part_*.npz"))
        return {int(number) for number in numbers if number.isdecimal()}

    def about(self, number: int) -> ComputedPart | None:
        """Read failures and counts of a part, without its columns."""
        return self._open(number, whole=False)

    def load(self, number: int) -> ComputedPart | None:
        """Read one part; None if it is absent, damaged or of another plan."""
        return self._open(number, whole=True)

    def _open(self, number: int, whole: bool) -> ComputedPart | None:
        path = self.path(number)
        if not path.is_file():
            return None
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as columns:
                about = json.loads(columns[_ABOUT].tobytes())
                if about["key"] != self.key or about["number"] != number:
                    return None
                names = [name for name in columns.files if name != _ABOUT] if whole else []
                failures = tuple(Failure(*failure) for failure in about["failures"])
                return ComputedPart({name: columns[name] for name in names}, failures, about["counts"])
        except _DAMAGE:
            return None

    def remove(self, numbers: Sequence[int]) -> None:
        """Delete these parts, and folders that are then empty."""
        for number in numbers:
            self.path(number).unlink(missing_ok=True)
        for folder in {self.path(number).parent for number in numbers} | {self.folder}:
            with contextlib.suppress(OSError):  # not empty: something else is in it
                folder.rmdir()
