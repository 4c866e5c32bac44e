"""Input files as a verb gets them: each given once, a file that can be read again and again, of the kind it reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from virnucpro.errors import ConfigError, InputError, shown
from virnucpro.records import Molecule, Record
from virnucpro.sequences.molecules import is_unmistakable, sample_molecule

__all__ = ["PathLike", "open_inputs", "require_molecule", "require_once"]

PathLike = str | os.PathLike[str]
Opened = TypeVar("Opened")


def open_inputs(
    inputs: Sequence[PathLike],
    kind: Callable[[Path, str | None], Opened],
    stdin: Path | None = None,
    repeated: bool = False,
) -> list[Opened]:
    """Open all inputs; ConfigError names those that are given twice, unless `repeated`.

    `stdin` is the file that "-" was copied to.
    """
    paths = [Path(one) for one in inputs]
    if not repeated:
        require_once(paths)
    return [kind(path, "-" if path == stdin else str(path)) for path in paths]


def require_once(paths: Sequence[Path]) -> None:
    """Refuse no inputs at all, and those that are given twice."""
    if not paths:
        raise ConfigError("no input file given")
    names: dict[str, list[str]] = {}
    for path in paths:
        names.setdefault(os.path.realpath(path), []).append(shown(str(path)))
    twice = [given for given in names.values() if len(given) > 1]
    if twice:
        raise ConfigError("\n".join(f"{' and '.join(dict.fromkeys(given))}: given twice" for given in twice))


def require_molecule(label: str, sample: Sequence[Record], needed: Molecule, advice: str) -> list[str]:
    """Refuse an input whose first records are of the other kind; only warn when some of them speak against that."""
    found = sample_molecule(sample)
    if found in (None, needed):
        return []
    words = {Molecule.DNA: "nucleotides", Molecule.PROTEIN: "proteins"}
    told = f"{shown(label)}: looks like {words[found]}, not {words[needed]}; {advice}"
    if is_unmistakable(sample, found):
        raise InputError(told)
    return [told]
