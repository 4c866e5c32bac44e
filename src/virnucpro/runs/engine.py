"""One engine under every verb: plan, compute what is missing, collect, publish.

::

    inputs --plan--> parts --compute--> parts on the disk --collect--> results --publish--> manifest

Each part's records are checked against the plan in every pass, so that no result is made of mixed bytes. Results get
their names together, once all of them are whole; the manifest is removed before that and written last. Whenever a run
is killed, the same command continues from the parts that are saved.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import accumulate, chain
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from virnucpro.errors import ConfigError, InputError, StoreError
from virnucpro.records import Failure, FileIdentity
from virnucpro.runs.examine import PLAN, Planned, examine
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.files import (
    cannot_write,
    file_sha256,
    make_scratch,
    remove_leftovers,
    remove_scratch,
    require_distinct,
    require_writable,
    result_path,
    whole_file,
)
from virnucpro.runs.manifest import OUT_OF_MEMORY, Manifest, read_manifest
from virnucpro.runs.parts import ComputedPart, PartStore
from virnucpro.runs.plan import Plan, content_sha256
from virnucpro.runs.progress import Progress, ProgressCallback
from virnucpro.runs.results import Results
from virnucpro.runs.run import Outcome, PartInput, Run, State

__all__ = ["execute"]

LOCK: Final = "lock"
PARTS: Final = "parts"
UNFINISHED: Final = "unfinished"
RUNS_BETWEEN_MESSAGES: Final = 100

logger = logging.getLogger("virnucpro.runs")


class _InputChanged(InputError):  # noqa: N818  never leaves this file by that name
    """An input is not what was planned; the whole call stops."""


class _PartDamaged(Exception):  # noqa: N818  never leaves this file
    """A saved part cannot be read any more; it is computed again."""


def execute(
    runs: Sequence[Run],
    *,
    overwrite: bool = False,
    strict: bool = False,
    progress: ProgressCallback | None = None,
    unit: str = "b",
) -> list[Outcome]:
    """Finish runs one after the other; those that are finished already are skipped, without a model in memory.

    An input that cannot be read is logged and gives an outcome of its own; InputError when `strict`. StoreError when
    results were made from something else (names all that differs), or cannot be written; InputError when an input
    changes while it is read.
    """
    _check_outputs(runs)
    found: list[Outcome | Planned] = []
    conflicts = []
    for run in runs:
        try:
            found.append(examine(run, overwrite))
        except StoreError as error:
            conflicts.append(str(error))
        except InputError as error:
            found.append(_refuse(run, error, strict))
    if conflicts:
        raise StoreError("\n".join(conflicts))
    state = Progress(unit, total=sum(one.plan.letters for one in found if isinstance(one, Planned)))
    tell = progress or (lambda _: None)
    outcomes = []
    for number, one in enumerate(found, start=1):
        outcome = _finish(one, overwrite, strict, state, tell) if isinstance(one, Planned) else _skip(one)
        _log_failures(outcome)
        if strict and outcome.error:
            raise outcome.error
        outcomes.append(outcome)
        if number % RUNS_BETWEEN_MESSAGES == 0:
            logger.info("%d of %d inputs finished", number, len(found))
    return outcomes


def _check_outputs(runs: Sequence[Run]) -> None:
    """Find out before any work whether results can be written, and that none of them is an input."""
    first: dict[Path, Run] = {}
    same = [(other, run) for run in runs if (other := first.setdefault(run.manifest_path, run)) is not run]
    if same:
        raise ConfigError(
            "\n".join(f"{a.label} and {b.label} would both give {b.outdir / b.name}; rename one" for a, b in same)
        )
    outputs = [run.outdir / name for run in runs for name in (*run.results, run.manifest)]
    require_distinct([path for run in runs for path in run.files_read], outputs)
    for outdir in dict.fromkeys(run.outdir for run in runs):
        require_writable(outdir)
    for path in outputs:
        if path.is_dir() and not path.is_symlink():
            raise cannot_write(path, IsADirectoryError(errno.EISDIR, "a folder has this name"))


def _skip(outcome: Outcome) -> Outcome:
    """Leave a finished run as it is, without what an earlier one was killed over."""
    run = outcome.run
    if outcome.state is State.FINISHED and not run.keep_parts and run.scratch.is_dir():
        with contextlib.suppress(Timeout, OSError):  # somebody else is at it, or may write where we may not
            make_scratch(run.scratch)
            with FileLock(run.scratch / LOCK).acquire(timeout=0):
                _tidy(run)
    return outcome


def _refuse(run: Run, error: InputError, strict: bool, failures: Sequence[tuple[str, Failure]] = ()) -> Outcome:
    """Give the outcome of an input that cannot be used; log why, unless it is raised later."""
    if not strict:
        logger.error("%s", error)
    return Outcome(run, State.REFUSED, None, error, tuple(failures))


def _finish(planned: Planned, overwrite: bool, strict: bool, state: Progress, tell: ProgressCallback) -> Outcome:
    """Compute, collect and publish one run, alone in its scratch folder."""
    run, started = planned.run, time.monotonic()
    try:
        make_scratch(run.scratch)
        with FileLock(run.scratch / LOCK).acquire(timeout=0):
            execution = _Execution(planned, overwrite, state, tell)
            try:
                outcome = execution.outcome()
            except _InputChanged:
                raise
            except InputError as error:  # nothing in it could be used
                return _refuse(run, error, strict, execution.failures)
            except KeyboardInterrupt:
                logger.warning("interrupted: %s; run the same command to continue", execution.what_is_saved())
                raise
            if not run.keep_parts and outcome.manifest and not outcome.manifest.may_succeed_elsewhere:
                _tidy(run)
    except Timeout as error:
        raise StoreError(f"{run.manifest_path} is being written by another process; wait until it ends") from error
    except OSError as error:
        raise cannot_write(run.outdir, error) from error
    return replace(outcome, seconds=time.monotonic() - started)


@dataclass(frozen=True, eq=False)
class _SavedParts:
    """Saved parts, which a job may go through more than once."""

    begin: Callable[[], Iterator[tuple[PartInput, ComputedPart]]]

    def __iter__(self) -> Iterator[tuple[PartInput, ComputedPart]]:
        return self.begin()


def _tidy(run: Run) -> None:
    """Delete what only an unfinished run needs: a run that is killed at its very end leaves its parts and its plan."""
    plan = _read_plan(run)
    PartStore(run.scratch / PARTS, "", run.scratch).remove([part.number for part in plan[1].parts] if plan else [])
    for name in (PLAN, LOCK):
        (run.scratch / name).unlink(missing_ok=True)
    remove_scratch(run.scratch, (PARTS, UNFINISHED))


def _read_plan(run: Run) -> tuple[str, Plan] | None:
    """Read the plan of an unfinished run and what it was made for; None when there is none, or it is damaged."""
    try:
        content = json.loads((run.scratch / PLAN).read_bytes())
        return str(content["key"]), Plan.from_json(content)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


class _Execution:
    """One planned run on its way to a manifest."""

    def __init__(self, planned: Planned, overwrite: bool, state: Progress, tell: ProgressCallback) -> None:
        self.run, self.inputs, self._state, self._tell = planned.run, planned.inputs, state, tell
        self._unfinished, self._overwrite = self.run.scratch / UNFINISHED, overwrite
        self._usage = planned.usage
        self._unfinished.mkdir(exist_ok=True)
        remove_leftovers(self._unfinished)
        self.models = self.run.job.resolve()
        key = self._key()
        earlier = _read_plan(self.run)
        if earlier and earlier[0] == key and not overwrite:
            self.plan = earlier[1]
        else:
            self.plan = planned.plan
            if earlier:
                self._store("").remove([part.number for part in earlier[1].parts])
            with whole_file(self.run.scratch / PLAN, self._unfinished) as stream:
                stream.write(json.dumps({"key": key, **self.plan.to_json()}).encode())
        self.failures: list[tuple[str, Failure]] = []
        self.counts: dict[str, int] = {}
        self.store = self._store(f"{key} {self.plan.sha256}")

    def outcome(self) -> Outcome:
        """Do what is left; a saved part that turns out to be damaged is computed again."""
        missing = {part.number for part in self.plan.parts if not self._saved(part.number)}
        computed = len(missing)
        while True:
            with self._usage.stage("compute"):
                self._compute(missing)
            try:
                manifest = self._collect()
            except _PartDamaged as damage:
                (number,) = damage.args
                logger.warning("part %d of %s is damaged and is computed again", number, self.run.label)
                missing, computed = {number}, computed + 1
                continue
            parts = len(self.plan.parts)
            counts = ", ".join(f"{value} {key}" for key, value in manifest.counts.items() if isinstance(value, int))
            logger.info("%s: %d of %d parts computed, results saved: %s", self.run.label, computed, parts, counts)
            return Outcome(self.run, State.WRITTEN, manifest, None, manifest.failures, parts, computed)

    def what_is_saved(self) -> str:
        """Say how many parts need not be computed again."""
        saved = sum(self._saved(part.number) for part in self.plan.parts)
        return f"{saved} of {len(self.plan.parts)} parts are saved"

    def _store(self, key: str) -> PartStore:
        return PartStore(self.run.scratch / PARTS, key, self._unfinished)

    def _key(self) -> str:
        """Digest of everything that decides the numbers."""
        models = {role: [model.weights_sha256, model.architecture] for role, model in self.models.items()}
        content = [[one.sha256 for one in self.inputs], models, dict(self.run.settings)]
        return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def _saved(self, number: int) -> bool:
        """Whether a part need not be computed; one with sequences that did not fit in memory is tried again."""
        about = self.store.about(number)
        return about is not None and all(failure.error_type != OUT_OF_MEMORY for failure in about.failures)

    def _compute(self, missing: set[int]) -> None:
        """Compute and save parts, in one pass over the inputs."""
        left = set(missing)
        self._state.skip(sum(part.letters for part in self.plan.parts if part.number not in missing))
        for given in self._parts() if missing else ():
            if given.part.number in left:
                self.store.save(given.part.number, self.run.job.compute(given, self._advance))
                left.discard(given.part.number)

    def _advance(self, letters: int) -> None:
        self._state.done += letters
        self._tell(self._state)

    def _parts(self) -> Iterator[PartInput]:
        """Read the records of every part, checked against the plan."""
        records = self._records()
        held: list[object] = []
        first = 0
        for part in self.plan.parts:
            del held[: part.first_record - first]
            first = part.first_record
            while len(held) < part.records:
                record = next(records, None)
                if record is None:
                    raise self._changed()
                held.append(record)
            given = PartInput(part, held[: part.records])
            if content_sha256(map(self.run.job.content, given.records)) != part.sha256:
                raise self._changed()
            yield given
        if next(records, None) is not None or [
            (one.size, one.sha256) for one in (source.identity for source in self.run.inputs)
        ] != [(one.size, one.sha256) for one in self.inputs]:
            raise self._changed()

    def _records(self) -> Iterator[object]:
        """Read all inputs; what could be read when the run was planned, and cannot be read now, has changed."""
        try:
            yield from chain.from_iterable(self.run.inputs)
        except InputError as error:
            raise self._changed() from error

    def _changed(self) -> InputError:
        return _InputChanged(
            f"{self.run.label}: changed while it was read, so no results were written; run again once the file "
            "no longer changes"
        )

    def _collect(self) -> Manifest:
        """Make all results from the parts, and publish them."""
        run = self.run
        with Results(self._unfinished, run.outdir) as results:
            with self._usage.stage("collect"):
                details = dict(run.job.collect(_SavedParts(self._saved_parts), results))
            details["execution"] = self._usage.describe()
            earlier = _read_if_whole(run.manifest_path)
            of_earlier = {one.path for one in earlier.results} if earlier else set()
            written = results.close(run.files_read, None if self._overwrite else {*run.results, *of_earlier})
            run.manifest_path.unlink(missing_ok=True)
            results.publish()
        if earlier:
            _remove_stale(run.outdir, earlier.results, written)
        counts = self.counts | details.pop("counts", {})
        manifest = Manifest(
            self.inputs, self.models, run.settings, run.output_settings, counts, written, tuple(self.failures), details
        )
        with whole_file(run.manifest_path, self._unfinished) as stream:
            stream.write(manifest.to_json())
        return manifest

    def _saved_parts(self) -> Iterator[tuple[PartInput, ComputedPart]]:
        """Go through all parts with their records, in file order; adds up what they say of themselves."""
        self.failures.clear()
        self.counts.clear()
        for given in self._parts():
            computed = self.store.load(given.part.number)
            if computed is None:
                raise _PartDamaged(given.part.number)
            self.failures += [self._named(given, failure) for failure in computed.failures]
            for name, count in (computed.counts or {}).items():
                self.counts[name] = self.counts.get(name, 0) + count
            yield given, computed

    def _named(self, given: PartInput, failure: Failure) -> tuple[str, Failure]:
        """Say of a failure which input it is in, and which of its records it is."""
        ends = list(accumulate(self.plan.records_of_inputs))
        record = given.part.first_record + failure.number
        which = bisect_right(ends, record)
        return self.run.inputs[which].label, replace(failure, number=record - ([0, *ends][which]) + 1)


def _read_if_whole(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except StoreError:
        return None


def _remove_stale(outdir: Path, earlier: Sequence[FileIdentity], written: Sequence[FileIdentity]) -> None:
    """Delete results of the earlier manifest that this run has not, as long as they are what was written then."""
    kept = {one.path for one in written}
    for one in earlier:
        path = result_path(outdir, one.path)
        ours = one.path not in kept and path.is_file() and not path.is_symlink()
        if ours and file_sha256(path) == one.sha256:
            path.unlink()
            if path.parent != outdir:
                with contextlib.suppress(OSError):  # not empty
                    path.parent.rmdir()


def _log_failures(outcome: Outcome) -> None:
    """Write every failure of a run into the failure log of its folder, once."""
    if outcome.state is State.KEPT:
        return
    for source in outcome.run.inputs:
        failures = [failure for label, failure in outcome.failures if label == source.label]
        if outcome.error is not None:
            failures.append(Failure(0, "-", "InputError", str(outcome.error)))
        replace_failures(outcome.run.outdir, source.label, failures)
