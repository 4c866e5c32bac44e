"""Open the inputs of a verb, files or sequences in memory, and check their kind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from virnucpro.errors import ConfigError, InputError, shown
from virnucpro.records import Molecule, Record
from virnucpro.sequences.in_memory import SequencesInMemory, as_records, is_one_sequence
from virnucpro.sequences.molecules import is_unmistakable, sample_molecule
from virnucpro.sequences.reading import SequenceFile

__all__ = ["PathLike", "Sequences", "open_inputs", "open_sequences", "require_molecule", "require_once", "sort_inputs"]

PathLike = str | os.PathLike[str]
Opened = TypeVar("Opened")

Sequences = PathLike | Mapping[str, Any] | Iterable[Any]
"""Files or sequences, as `open_sequences` takes them."""

_LETTERS = re.compile(r"[A-Za-z*\s-]*")


def open_sequences(given: Sequences) -> list[SequenceFile] | list[SequencesInMemory]:
    """Open files, or take sequences in memory."""
    found = sort_inputs(given)
    return [found] if isinstance(found, SequencesInMemory) else open_inputs(found, SequenceFile)


def sort_inputs(given: Sequences) -> list[Path] | SequencesInMemory:
    """Tell files from sequences in memory.

    A `Path` is a file. Text is a sequence when it holds nothing but letters, ``*`` and ``-`` and no file has that
    name; else it is a file name.
    """
    if getattr(given, "shape", None) == ():  # one value of NumPy
        given = given.item()  # type: ignore[union-attr]
    if isinstance(given, Mapping) or is_one_sequence(given):
        return SequencesInMemory(as_records(given))
    several = [given] if isinstance(given, (str, os.PathLike)) else list(given)
    files = [one for one in several if _is_file(one)]
    if not files:
        return SequencesInMemory(as_records(several))
    if len(files) < len(several):
        other = next(one for one in several if not _is_file(one))
        raise ConfigError(
            f"{shown(str(files[0]))} is taken for a file and {shown(repr(other), 60)} for a sequence; give one kind. "
            "A Path is always a file, and a dict holds sequences"
        )
    return [Path(one) for one in files]


def _is_file(one: object) -> bool:
    if isinstance(one, str):
        return not _LETTERS.fullmatch(one) or os.path.isfile(one)
    return isinstance(one, os.PathLike)


def open_inputs(
    inputs: Sequence[PathLike],
    kind: Callable[[Path, str | None], Opened],
    stdin: Path | None = None,
    repeated: bool = False,
) -> list[Opened]:
    """Open all inputs; ConfigError if one is given twice, unless `repeated`.

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
    """Refuse an input whose first records are of the other kind; only warn if that is uncertain."""
    found = sample_molecule(sample)
    if found in (None, needed):
        return []
    words = {Molecule.DNA: "nucleotides", Molecule.PROTEIN: "proteins"}
    told = f"{shown(label)}: looks like {words[found]}, not {words[needed]}; {advice}"
    if is_unmistakable(sample, found):
        raise InputError(told)
    return [told]
