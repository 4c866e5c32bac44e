"""What the jobs that go part by part share: inputs as one stream of records, and who made a part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from virnucpro.embedding.records import Limits
from virnucpro.errors import ConfigError
from virnucpro.models.placement import Placement
from virnucpro.records import ModelIdentity, Record
from virnucpro.sequences.fasta import read_records
from virnucpro.sequences.frame_rules import FrameRule
from virnucpro.store.receipts import InputIdentity, Provenance, identify_input

__all__ = [
    "FrameSettings",
    "Source",
    "Survey",
    "check_sources",
    "combine_identities",
    "identify_sources",
    "part_provenance",
    "read_sources",
    "survey_sources",
]


@dataclass(frozen=True, slots=True)
class Source:
    """One file of reads or contigs.

    Attributes
    ----------
    path : Path
        The file.
    label : str
        What messages and receipts call it.
    """

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How sequences become frames, and frames numbers.

    Attributes
    ----------
    window_bp : int
        Bases of a window.
    genetic_code : int
        NCBI's number.
    max_tokens : int
        Budget of one batch.
    placement : Placement
        Where encoders run; its number format decides the numbers, its device does not.
    frames : {"open", "longest"}
        How frames are chosen.
    """

    window_bp: int
    genetic_code: int
    max_tokens: int
    placement: Placement
    frames: FrameRule = "open"

    @property
    def limits(self) -> Limits:
        """No frame is longer than its window, so nothing is cut."""
        return Limits(max_residues=self.window_bp, max_tokens=self.max_tokens)

    def decisive(self) -> dict[str, Any]:
        """What changes the numbers.

        Returns
        -------
        dict
            For receipts; `frames` only where they are not VirNucPro's.
        """
        rule = {} if self.frames == "open" else {"frames": self.frames}
        dtype = self.placement.dtype_name
        return {"window_bp": self.window_bp, "genetic_code": self.genetic_code, "dtype": dtype, **rule}


@dataclass(frozen=True, slots=True)
class Survey:
    """What inputs hold.

    Attributes
    ----------
    records, bases : int
        Records, and letters of all of them.
    """

    records: int
    bases: int


def check_sources(sources: Sequence[Source]) -> None:
    """Refuse inputs that are not there, before any work.

    Parameters
    ----------
    sources : sequence of Source
        All inputs.

    Raises
    ------
    ConfigError
        If any does not exist, is a folder, or is given twice; names all of them.
    """
    problems = [f"{source.label}: no such file" for source in sources if not source.path.exists()]
    problems += [f"{source.label}: a folder, not a file" for source in sources if source.path.is_dir()]
    paths = [source.path.resolve() for source in sources]
    twice = {source.label for source, path in zip(sources, paths, strict=True) if paths.count(path) > 1}
    problems += [f"{label}: given twice" for label in sorted(twice)]
    if problems:
        raise ConfigError("; ".join(problems))


def read_sources(sources: Sequence[Source]) -> Iterator[Record]:
    """Read all inputs as one stream; records are numbered through.

    Parameters
    ----------
    sources : sequence of Source
        All inputs, in order.

    Yields
    ------
    Record
        Every record of every input.

    Raises
    ------
    InputError
        If one cannot be read; names file and line or record.
    """
    records = chain.from_iterable(read_records(source.path, source.label) for source in sources)
    for number, record in enumerate(records, start=1):
        yield replace(record, number=number)


def survey_sources(sources: Sequence[Source]) -> Survey:
    """Read all inputs once: finds what is wrong with them before any work, and how much there is to do.

    Parameters
    ----------
    sources : sequence of Source
        All inputs.

    Returns
    -------
    Survey
        Records and bases.

    Raises
    ------
    InputError
        If one cannot be read.
    """
    records = bases = 0
    for record in read_sources(sources):
        records += 1
        bases += len(record.sequence)
    return Survey(records, bases)


def identify_sources(sources: Sequence[Source]) -> InputIdentity:
    """Make one identity of several inputs in their order; of one, its own.

    Parameters
    ----------
    sources : sequence of Source
        All inputs.

    Returns
    -------
    InputIdentity
        Total size, and a digest of the digests.
    """
    identities = [identify_input(source.path, source.label) for source in sources]
    if len(identities) == 1:
        return identities[0]
    digest = hashlib.sha256("\n".join(identity.sha256 for identity in identities).encode()).hexdigest()
    return InputIdentity(", ".join(i.path for i in identities), sum(i.size for i in identities), digest)


def combine_identities(models: dict[str, ModelIdentity]) -> ModelIdentity:
    """Make one identity of the models that a part is made with.

    Parameters
    ----------
    models : dict of str to ModelIdentity
        Role and model.

    Returns
    -------
    ModelIdentity
        Its digest follows every model's; its architecture holds them all.
    """
    digest = hashlib.sha256("\n".join(f"{role} {m.weights_sha256}" for role, m in models.items()).encode()).hexdigest()
    name = " + ".join(model.name for model in models.values())
    untrained = any(model.untrained for model in models.values())
    shapes = {role: {"weights sha256": m.weights_sha256, **m.architecture} for role, m in models.items()}
    return ModelIdentity(name, None, digest, shapes, untrained)


def part_provenance(base: Provenance, part: int) -> Provenance:
    """What one part was made from.

    Parameters
    ----------
    base : Provenance
        Of all parts.
    part : int
        Number of the part.

    Returns
    -------
    Provenance
        With the number among the settings.
    """
    return replace(base, settings={**base.settings, "part": part})
