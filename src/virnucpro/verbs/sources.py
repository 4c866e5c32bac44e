"""Inputs: what they are called, whether they can be read, and all of them as one stream of records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from virnucpro.errors import ConfigError
from virnucpro.records import Record
from virnucpro.runs.manifests import InputIdentity, identify_input
from virnucpro.sequences.reading import SequenceFile

__all__ = [
    "Source",
    "Survey",
    "check_sources",
    "identify_sources",
    "read_sources",
    "source_problems",
    "survey_sources",
]


@dataclass(frozen=True, slots=True)
class Source:
    """One file of reads or contigs."""

    path: Path  # the file
    label: str  # what messages and receipts call it


@dataclass(frozen=True, slots=True)
class Survey:
    """What inputs hold."""

    records: int  # records, and letters of all of them
    bases: int  # records, and letters of all of them


def source_problems(sources: Sequence[Source]) -> list[str]:
    """Say which inputs cannot be read, or not more than once."""
    problems = []
    for source in sources:
        if not source.path.exists():
            problems.append(f"{source.label}: no such file")
        elif source.path.is_dir():
            problems.append(f"{source.label}: a folder, not a file")
        elif not source.path.is_file():
            problems.append(f"{source.label}: a pipe or device, which can be read only once; pipe it into '-'")
    return problems


def check_sources(sources: Sequence[Source]) -> None:
    """Refuse inputs that are not there, before any work."""
    problems = source_problems(sources)
    paths = [source.path.resolve() for source in sources]
    twice = {source.label for source, path in zip(sources, paths, strict=True) if paths.count(path) > 1}
    problems += [f"{label}: given twice" for label in sorted(twice)]
    if problems:
        raise ConfigError("; ".join(problems))


def read_sources(sources: Sequence[Source]) -> Iterator[Record]:
    """Read all inputs as one stream; records are numbered through."""
    records = chain.from_iterable(SequenceFile(source.path, source.label) for source in sources)
    for number, record in enumerate(records, start=1):
        yield record._replace(number=number)


def survey_sources(sources: Sequence[Source]) -> Survey:
    """Read all inputs once: finds what is wrong with them before any work, and how much there is to do."""
    records = bases = 0
    for record in read_sources(sources):
        records += 1
        bases += len(record.sequence)
    return Survey(records, bases)


def identify_sources(sources: Sequence[Source]) -> InputIdentity:
    """Make one identity of several inputs in their order; of one, its own."""
    identities = [identify_input(source.path, source.label) for source in sources]
    if len(identities) == 1:
        return identities[0]
    digest = hashlib.sha256("\n".join(identity.sha256 for identity in identities).encode()).hexdigest()
    return InputIdentity(", ".join(i.path for i in identities), sum(i.size for i in identities), digest)
