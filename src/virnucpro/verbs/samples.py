"""Samples: which files belong together under one name; from a sheet, or one for each file or pair of files."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from virnucpro.errors import ConfigError, InputError, StoreError, counted, shown
from virnucpro.runs.manifest import read_manifest
from virnucpro.runs.run import Source
from virnucpro.sequences.genbank import GENBANK_SUFFIXES
from virnucpro.sequences.nucleotide_file import NucleotideFile
from virnucpro.sequences.pairs import pair_of_files
from virnucpro.sequences.reading import COMPRESSION_SUFFIXES, SEQUENCE_SUFFIXES, sequence_stem
from virnucpro.verbs.inputs import open_inputs
from virnucpro.writers.proviruses import ProvirusFasta
from virnucpro.writers.sequences import SEQUENCE_RESULTS

__all__ = ["Sample", "files_below", "require_files", "sample_name_problem", "samples_of_files"]

SUFFIXES = (*SEQUENCE_SUFFIXES, *GENBANK_SUFFIXES)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
LONGEST_NAME = 100
RESERVED = ("run.json", "summary.tsv", "report.html", "virnucpro.log", "extraction_failures.log")
"""Files beside the folders of samples."""
OF_FIRST_MATES = re.compile(r"(?<=.)[._-]R?1(_001)?$", re.IGNORECASE)

logger = logging.getLogger("virnucpro.predict")


@dataclass(frozen=True, slots=True)
class Sample:
    """Sequences that are called, counted and reported together.

    Attributes
    ----------
    name : str
        What tables and folders call it: letters, digits and ``_ . + -``.
    files : tuple of Path
        FASTA, FASTQ or GenBank, in this order; of pairs a first and a second file in turn.
    paired : bool
        Whether the files are pairs of mates.

    Raises
    ------
    ConfigError
        If the name cannot be that of a folder of results, or a file of a pair is missing.

    Examples
    --------
    >>> from pathlib import Path
    >>> Sample("gut", (Path("gut_1.fq.gz"), Path("gut_2.fq.gz")), paired=True).name
    'gut'
    """

    name: str
    files: tuple[Path, ...]
    paired: bool = False

    def __post_init__(self) -> None:
        if problem := sample_name_problem(self.name):
            raise ConfigError(problem)
        if self.paired and len(self.files) % 2:
            raise ConfigError(f"sample {self.name!r} is paired and has {len(self.files)} files; give two for each pair")

    def open(self, stdin: Path | None = None) -> list[Source]:
        """Open its files; `stdin` is the one that messages call "-"."""
        opened = open_inputs(self.files, NucleotideFile, stdin)
        if not self.paired:
            return list(opened)
        pairs = zip(opened[::2], opened[1::2], strict=True)
        return [mates for first, second in pairs for mates in pair_of_files(first, second)]


def samples_of_files(files: Sequence[Path], paired: bool = False, stdin: Path | None = None) -> list[Sample]:
    """Make one sample of every file, or of every two files of mates, named by the file."""
    if paired and len(files) % 2:
        raise ConfigError(f"--paired needs two files for each sample, first and second mates; got {len(files)}")
    groups = [tuple(files[at : at + 1 + paired]) for at in range(0, len(files), 1 + paired)]
    samples = [Sample(_name_of(group[0], paired, stdin), group, paired) for group in groups]
    names = Counter(sample.name.casefold() for sample in samples)
    same = [sample for sample in samples if names[sample.name.casefold()] > 1]
    if same:
        told = "\n".join(f"{shown(str(sample.files[0]))}: sample {sample.name!r}" for sample in same)
        raise ConfigError(f"{told}\nsamples need different names; rename the files, or name samples by --samples SHEET")
    return samples


def _name_of(path: Path, paired: bool, stdin: Path | None) -> str:
    if path == stdin:
        return "stdin"
    stem = sequence_stem(path, SUFFIXES)
    stem = OF_FIRST_MATES.sub("", stem) if paired else stem
    # what cannot be in a name is left out of it, as file names may hold anything
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem).lstrip(".+-")[:LONGEST_NAME] or "sample"
    return f"sample_{name}" if name.lower() in RESERVED else name


def sample_name_problem(name: str) -> str:
    """Say why a name cannot be one of a sample; empty when it can."""
    if not name:
        return "a sample has no name"
    if name.lower() in RESERVED:
        return f"the name {name!r} is that of a result; choose another one"
    if len(name) > LONGEST_NAME:
        return f"the name {shown(name, 30)!r} is longer than {LONGEST_NAME} characters"
    if not NAME.fullmatch(name):
        return (
            f"the name {shown(name, 50)!r} may hold letters, digits and _ . + - only, and begins with one of the first"
        )
    return ""


def require_files(paths: Sequence[Path]) -> None:
    """Refuse folders among the inputs, and say how to give what is in them."""
    folders = [path for path in paths if os.path.isdir(path)]  # Path.is_dir raises for long names
    if folders:
        told = [f"{shown(str(path))}: a folder; give the files in it, such as {_pattern(path)}" for path in folders]
        raise InputError("\n".join(told) + ", or add --recursive")


def _pattern(folder: Path) -> str:
    """Name the commonest kind of sequence file in a folder as a shell pattern."""
    try:
        kinds = Counter(_suffix(path.name) for path in folder.iterdir() if _suffix(path.name))
    except OSError as error:
        _refuse_folder(error)
    suffix = kinds.most_common(1)[0][0] if kinds else ".fna.gz"
    return f"{shown(str(folder))}/*{suffix}"


def files_below(paths: Sequence[Path], outdir: Path) -> Iterator[Path]:
    """Replace folders by all sequence files below them, in order of their names.

    Links to folders are not followed, and results that earlier runs wrote into `outdir` are left out, with a warning
    where no manifest says that they are results.
    """
    listed, possible = _results_in(outdir)
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        below = os.walk(path, onerror=_refuse_folder)
        found = sorted(Path(at, name) for at, _, names in below for name in names if _suffix(name))
        others = [(file, os.path.realpath(file) in possible) for file in found if os.path.realpath(file) not in listed]
        inputs = [file for file, is_possible in others if not is_possible]
        if unlisted := [shown(str(file)) for file, is_possible in others if is_possible]:
            logger.warning(
                "ignored %s that an interrupted run may have written: %s; rename any that are input files",
                counted(len(unlisted), "file"), ", ".join(unlisted),
            )  # fmt: skip
        if not inputs:
            but = " other than results of earlier runs" if found else ""
            raise InputError(f"{shown(str(path))}: contains no FASTA, FASTQ or GenBank files (.fna.gz, .fq, ...){but}")
        yield from inputs


def _refuse_folder(error: OSError) -> NoReturn:
    raise InputError(
        f"{shown(str(error.filename))}: the folder cannot be read: {error.strerror or error}; make it readable, or "
        "give the others one by one"
    ) from error


def _results_in(outdir: Path) -> tuple[set[str], set[str]]:
    """Resolved paths of results in a folder: those in manifests, and those that a killed run may have written."""
    listed, possible = set(), set()
    for folder in (outdir, *(outdir.iterdir() if os.path.isdir(outdir) else ())):
        of_killed = (*SEQUENCE_RESULTS, ProvirusFasta.NAME, f"{folder.name}_summary/{folder.name}_virus.fna")
        if os.path.isdir(folder / ".virnucpro"):
            possible |= {os.path.realpath(folder / name) for name in of_killed}
        with contextlib.suppress(StoreError):  # of something else; if it is in the way, the run says so
            manifest = read_manifest(folder / "run.json")
            listed |= {os.path.realpath(folder / one.path) for one in manifest.results} if manifest else set()
    return listed, possible


def _suffix(name: str) -> str:
    """Suffix of a sequence file with that of its compression; empty for other files."""
    low = name.lower()
    packed = next((end for end in COMPRESSION_SUFFIXES if low.endswith(end)), "")
    kind = next((end for end in SUFFIXES if low.removesuffix(packed).endswith(end)), "")
    return name[-len(kind + packed) :] if kind and kind != ".txt" else ""
