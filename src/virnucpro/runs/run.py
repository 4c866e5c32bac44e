"""What a run is: inputs, settings, and a job with plan, compute and collect. `runs.engine` executes it."""

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
"""Called with the number of letters that were just finished."""


class Source(Protocol):
    """One input; every pass over it is digested."""

    label: str  # its name in messages
    path: Path

    def __iter__(self) -> Iterator[Any]:
        """Iterate over all records from the beginning."""

    @property
    def identity(self) -> FileIdentity:
        """Size and digest of the last complete pass."""

    def digest(self) -> FileIdentity:
        """Size and digest of the file, without parsing records."""


@dataclass(frozen=True, eq=False)
class PartInput:
    """A part and the records that it touches."""

    part: Part
    records: Sequence[Any]


class Job(Protocol):
    """What a verb adds to the engine: plan, compute, collect."""

    def check(self, label: str, sample: Sequence[Any]) -> list[str]:
        """Check the first records of an input: return warnings or raise InputError."""

    def planner(self) -> Planner:
        """Make the planner that divides records into parts."""

    def content(self, record: Any) -> Sequence[bytes]:  # noqa: ANN401
        """Return the bytes of a record that results depend on."""

    def letters(self, record: Any) -> int:  # noqa: ANN401
        """Return the length that parts are planned from."""

    def id_of(self, record: Any) -> str:  # noqa: ANN401
        """Return the ID of a record in the results."""

    def resolve(self) -> Mapping[str, ModelIdentity]:
        """Locate and digest the weights; called only if there is something to compute."""

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Compute one part."""

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> Mapping[str, Any]:
        """Write all results from the parts, in input order; return details for the manifest, such as `counts`."""


@dataclass(frozen=True, eq=False)
class Run:
    """One unit of results, with a manifest of its own."""

    name: str  # name of its scratch folder
    inputs: Sequence[Source]
    outdir: Path
    manifest: str  # its file name
    results: Sequence[str]  # file names known beforehand; the first is the main result
    models: Mapping[str, ModelIdentity]  # by role; models of the catalogue need no weights on this machine
    settings: Mapping[str, Any]  # what changes the numbers
    job: Job = field(repr=False)  # holds whole networks
    output_settings: Mapping[str, Any] = field(default_factory=dict)  # what changes only how results show the numbers
    keep_parts: bool = False  # to write results again with other output settings
    counted: Mapping[str, type] = field(default_factory=dict)  # counts that its manifest must have, and their types
    also_read: Sequence[Path] = ()  # other files that must not be overwritten
    rebuild: Callable[[str], tuple[Job, Mapping[str, Any]]] | None = None
    """Makes job and settings of a worker from its device; can be pickled, and is the same for all runs of a call."""

    @property
    def scratch(self) -> Path:
        """Its scratch folder, inside the output folder."""
        return self.outdir / ".virnucpro" / self.name

    @property
    def manifest_path(self) -> Path:
        """Path of its manifest."""
        return self.outdir / self.manifest

    @property
    def files_read(self) -> list[Path]:
        """Files that no result may overwrite."""
        return [*(source.path for source in self.inputs), *self.also_read]

    @property
    def label(self) -> str:
        """Its name in messages."""
        return ", ".join(source.label for source in self.inputs)


class State(Enum):
    """What happened to a run."""

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
    failures: tuple[tuple[str, Failure], ...] = ()  # input and failure, in input order
    parts: int = 0
    computed_parts: int = 0
    seconds: float = 0.0
    absent_parts: int = 0  # of an incomplete run
