"""Input files as a verb gets them: each given once, a file that can be read again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from virnucpro.errors import ConfigError, shown
from virnucpro.records import Molecule

__all__ = ["PathLike", "open_inputs", "require_molecule"]

PathLike = str | os.PathLike[str]
Opened = TypeVar("Opened")


def open_inputs(
    inputs: Sequence[PathLike], kind: Callable[[Path, str | None], Opened], stdin: Path | None = None
) -> list[Opened]:
    """Open all inputs; ConfigError names those that are given twice. `stdin` is the file that "-" was copied to."""
    if not inputs:
        raise ConfigError("no input file given")
    paths = [Path(one) for one in inputs]
    real = [os.path.realpath(path) for path in paths]
    twice = sorted({shown(str(path)) for path, where in zip(paths, real, strict=True) if real.count(where) > 1})
    if twice:
        raise ConfigError(f"{', '.join(twice)}: given twice")
    return [kind(path, "-" if path == stdin else str(path)) for path in paths]


def require_molecule(label: str, found: Molecule | None, needed: Molecule, advice: str) -> list[str]:
    """Warn when the first records of an input look like the other kind of sequence."""
    if found in (None, needed):
        return []
    words = {Molecule.DNA: "nucleotides", Molecule.PROTEIN: "proteins"}
    return [f"{shown(label)}: looks like {words[found]}, not {words[needed]}; {advice}"]
