"""What a run is: inputs, settings, and a job of three functions. `runs.engine` finishes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from virnucpro.errors import InputError
from virnucpro.records import Failure, FileIdentity, ModelIdentity
from virnucpro.runs.manifest import Manifest
from virnucpro.runs.parts import ComputedPart
from virnucpro.runs.plan import Part, Planner
from virnucpro.runs.results import Results

__all__ = ["Advance", "Job", "Outcome", "PartInput", "Run", "Source", "State"]

Advance = Callable[[int], None]
"""Is told letters as they are done."""


class Source(Protocol):
    """One input; each pass over it is digested."""

    label: str  # what messages call it
    path: Path

    def __iter__(self) -> Iterator[Any]:
        """Read all records, from the first."""

    @property
    def identity(self) -> FileIdentity:
        """Size and digest of the bytes of the last complete pass."""

    def digest(self) -> FileIdentity:
        """Size and digest of the bytes, without reading records."""


@dataclass(frozen=True, eq=False)
class PartInput:
    """A part with the records that it touches."""

    part: Part
    records: Sequence[Any]


class Job(Protocol):
    """What a verb adds to the engine: plan, compute, collect."""

    def check(self, label: str, sample: Sequence[Any]) -> list[str]:
        """Look at the first records of an input: give warnings, or raise InputError."""

    def planner(self) -> Planner:
        """Say how records become parts."""

    def content(self, record: Any) -> Sequence[bytes]:  # noqa: ANN401
        """Give everything of a record that results depend on."""

    def letters(self, record: Any) -> int:  # noqa: ANN401
        """Give the length that parts are planned from."""

    def id_of(self, record: Any) -> str:  # noqa: ANN401
        """Give the ID that results name a record by."""

    def resolve(self) -> Mapping[str, ModelIdentity]:
        """Find all weights, once there is something to compute."""

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Do the expensive step."""

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> Mapping[str, Any]:
        """Write all results from the parts, in file order; give details for the manifest, `counts` among them."""


@dataclass(frozen=True, eq=False)
class Run:
    """What `execute` makes one manifest of."""

    name: str  # of its scratch folder
    inputs: Sequence[Source]
    outdir: Path
    manifest: str  # its file name
    results: Sequence[str]  # file names that are known beforehand; the first says that the run is finished
    models: Mapping[str, ModelIdentity]  # by role; those of the catalogue need no weights on this machine
    settings: Mapping[str, Any]  # what changes the numbers
    job: Job
    output_settings: Mapping[str, Any] = field(default_factory=dict)  # what changes only how results show them
    keep_parts: bool = False  # so that results can be made again with other output settings
    also_read: Sequence[Path] = ()  # files that are no inputs, and are not overwritten either
    rebuild: Callable[[str], tuple[Job, Mapping[str, Any]]] | None = None
    """Makes job and settings of a worker from its device; can be pickled, and is the same for all runs of a call."""

    @property
    def scratch(self) -> Path:
        """Its own folder in the output folder."""
        return self.outdir / ".virnucpro" / self.name

    @property
    def manifest_path(self) -> Path:
        """Where its manifest is once it is finished."""
        return self.outdir / self.manifest

    @property
    def files_read(self) -> list[Path]:
        """Everything that no result may be."""
        return [*(source.path for source in self.inputs), *self.also_read]

    @property
    def label(self) -> str:
        """What messages call it."""
        return ", ".join(source.label for source in self.inputs)


class State(Enum):
    """What became of a run."""

    WRITTEN = "written"
    FINISHED = "already finished"
    KEPT = "kept, without a manifest"
    REFUSED = "refused"
    INCOMPLETE = "parts of others are missing"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What `execute` did with one run."""

    run: Run
    state: State
    manifest: Manifest | None = None
    error: InputError | None = None
    failures: tuple[tuple[str, Failure], ...] = ()  # input and failure, in file order
    parts: int = 0
    computed_parts: int = 0
    seconds: float = 0.0
    absent_parts: int = 0  # of an incomplete run
