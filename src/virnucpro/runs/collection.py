"""The last pass of a run: its results are written from the saved parts, and published with their manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from virnucpro.errors import StoreError
from virnucpro.records import Failure, ModelIdentity
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.parts import ComputedPart, PartStore
from virnucpro.runs.planned_records import PlannedRecords
from virnucpro.runs.results import Results, publish_with_manifest
from virnucpro.runs.run import PartInput
from virnucpro.runs.usage import Usage

__all__ = ["Collection", "PartDamaged"]


class PartDamaged(Exception):  # noqa: N818  never leaves the engine
    """A saved part cannot be read; it is computed again."""


@dataclass(frozen=True, eq=False)
class _SavedParts:
    """Saved parts, which a job may iterate over more than once."""

    begin: Callable[[], Iterator[tuple[PartInput, ComputedPart]]]

    def __iter__(self) -> Iterator[tuple[PartInput, ComputedPart]]:
        return self.begin()


@dataclass(eq=False)
class Collection:
    """Collects a run, of which every part is saved."""

    records: PlannedRecords
    store: PartStore
    models: Mapping[str, ModelIdentity]
    usage: Usage
    failures: list[tuple[str, Failure]] = field(default_factory=list)  # so far
    counts: dict[str, int] = field(default_factory=dict)

    def write(self, scratch: Path, overwrite: bool) -> Manifest:
        """Write all results from the parts and publish them."""
        run, inputs = self.records.run, self.records.inputs
        with Results(scratch, run.outdir) as results:
            with self.usage.stage("collect"):
                details = dict(run.job.collect(_SavedParts(self._saved_parts), results))
            details["execution"] = self.usage.describe()
            earlier = _read_if_whole(run.manifest_path)
            of_earlier = {one.path for one in earlier.results} if earlier else set()
            written = results.close(run.files_read, None if overwrite else {*run.results, *of_earlier})
            counts = self.counts | details.pop("counts", {})
            manifest = Manifest(
                inputs, self.models, run.settings, run.output_settings, counts, written, tuple(self.failures),
                details,
            )  # fmt: skip
            publish_with_manifest(results, run.manifest_path, manifest, earlier)
        return manifest

    def _saved_parts(self) -> Iterator[tuple[PartInput, ComputedPart]]:
        """Iterate over all parts with their records, in file order; add up their failures and counts."""
        self.failures.clear()
        self.counts.clear()
        for given in self.records.parts():
            computed = self.store.load(given.part.number)
            if computed is None:
                raise PartDamaged(given.part.number)
            self.failures += [self.records.named(given, failure) for failure in computed.failures]
            for name, count in (computed.counts or {}).items():
                self.counts[name] = self.counts.get(name, 0) + count
            yield given, computed


def _read_if_whole(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except StoreError:
        return None
