"""One run on its way to a manifest, by as many processes as are at it: who computes, and who collects."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from types import TracebackType
from typing import Final, Self

from virnucpro.errors import StoreError, counted, counts_in_words
from virnucpro.records import Failure
from virnucpro.runs.claims import Claims
from virnucpro.runs.collection import Collection, PartDamaged
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.examine import Planned, finished_manifest
from virnucpro.runs.executor import Task
from virnucpro.runs.files import make_scratch, remove_leftovers, remove_scratch
from virnucpro.runs.manifest import OUT_OF_MEMORY, Manifest
from virnucpro.runs.parts import PartStore
from virnucpro.runs.plan import Plan
from virnucpro.runs.planned_records import PlannedRecords
from virnucpro.runs.progress import Progress, ProgressCallback
from virnucpro.runs.run import Outcome, PartInput, Run, State
from virnucpro.runs.saved_plan import PLAN, read_plan, run_key, write_plan

__all__ = ["Execution", "tidy_finished"]

PARTS: Final = "parts"
UNFINISHED: Final = "unfinished"
CLAIMS: Final = "claims"
ENTRY: Final = "entry"  # whoever enters or tidies the scratch folder: reads, writes or removes the plan
RESULTS: Final = "results"  # whoever writes the results
PROCESS: Final = "process_"
PART: Final = "part_"
LOOKS: Final = 60
"""Looks at what others do, within the time after which a claim is stale."""

logger = logging.getLogger("virnucpro.runs")


class Execution:
    """One planned run. Entered, it is in the scratch folder beside others of the same purpose, and of no other."""

    def __init__(
        self,
        planned: Planned,
        position: int,
        how: Distribution,
        overwrite: bool,
        state: Progress,
        tell: ProgressCallback,
    ) -> None:
        self.run, self.inputs, self.plan = planned.run, planned.inputs, planned.plan
        self.failures: list[tuple[str, Failure]] = []
        self.computed = 0
        self.started = time.monotonic()
        self._position, self._how, self._overwrite, self._state, self._tell = position, how, overwrite, state, tell
        self._usage = planned.usage
        self._unfinished = self.run.scratch / UNFINISHED
        self._in_flight: set[int] = set()
        self._tried: set[int] = set()
        self._saved: set[int] = set()
        self._lost: dict[int, list[tuple[str, Failure]]] = {}  # parts that could not be computed, by number
        self._elsewhere: Manifest | None = None  # of another process, which has finished this run
        self._handed_out = False
        self._begun = False

    def __enter__(self) -> Self:
        self.models = self.run.job.resolve()
        self._key = run_key(self.run, self.inputs, self.models)
        self._handed_out = False
        with ExitStack() as stack:
            make_scratch(self.run.scratch)
            self._claims = stack.enter_context(Claims(self.run.scratch / CLAIMS, self._how.stale_after_s))
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind and issubclass(kind, KeyboardInterrupt):
            logger.warning("interrupted: %s; run the same command to continue", self._what_is_saved())
        self._in_flight.clear()
        self._stack.close()
        remove_scratch(self.run.scratch)

    @property
    def is_handed_out(self) -> bool:
        """Whether every part that this process computes is saved."""
        return self._handed_out and not self._in_flight

    def tasks(self, patient: bool) -> Iterator[Task]:
        """Give every missing part of this process's share, claimed; `patient` waits for those that others have."""
        with self._usage.stage("compute"):
            yield from self._tasks(patient)
        self._handed_out = True
        yield self._task(None)

    def _tasks(self, patient: bool) -> Iterator[Task]:
        told = False
        while missing := self._missing():
            held = self._claims.others(PART)
            if not all(_name(number) in held for number in missing):
                yield from self._claimed(missing)
            elif not patient:
                break
            else:
                if not told:
                    names = ", ".join(sorted({str(held[_name(number)]) for number in missing}))
                    logger.info("%s: waiting for %s of %s", self.run.label, counted(len(missing), "part"), names)
                told = True
                time.sleep(self._how.stale_after_s / LOOKS)
                yield self._task(None)

    def _done(self, given: PartInput | None) -> None:
        """Take note that a part is saved, if there is one."""
        if given is not None:
            number = given.part.number
            self._in_flight.discard(number)
            self._claims.release(_name(number))
            if number not in self._lost:
                self._saved.add(number)
                self.computed += 1

    def _lose(self, given: PartInput | None, reason: str) -> None:
        """Take note that a part could not be computed; this process does not try again."""
        assert given is not None
        number, touched = given.part.number, self._records.touched(given).items()
        self._lost[number] = [
            (label, Failure(0, "-", "WorkerError", f"part {number}, {_range(*ends)}: {reason}"))
            for label, ends in touched
        ]

    @property
    def lost(self) -> list[tuple[str, Failure]]:
        """Failures of the parts that could not be computed, one for each input that a part touches."""
        return [failure for number in sorted(self._lost) for failure in self._lost[number]]

    def outcome(self, patient: bool) -> Outcome | None:
        """Write the results if every part is there; None when another round is needed."""
        if self._elsewhere:
            return self._finished(self._elsewhere)
        there = self.store.named() | self._saved
        absent = [part.number for part in self.plan.parts if part.number not in there]
        if any(self._how.has(self._position, number) for number in absent if number not in self._lost):
            return None
        if absent:
            self._lost = {number: self._lost[number] for number in absent if number in self._lost}
            advice = "run the other shards, or the same command without --shard"
            return self._incomplete(len(absent), "workers died over them" if self._lost else advice)
        while not self._claims.take(RESULTS):
            if self._how.shard:
                return self._incomplete(0, "another process writes the results")
            if not patient:
                return None
            time.sleep(self._how.stale_after_s / LOOKS)
        try:
            return self._collected()
        finally:
            self._claims.release(RESULTS)

    def tidy(self) -> None:
        """Leave, and delete what only an unfinished run needs; of several who leave at once, the last one does."""
        with self._claims.held(ENTRY):
            self._claims.release(PROCESS + self._claims.member)
            if not self._claims.others(PROCESS):
                _tidy(self.run)

    def _join(self) -> None:
        """Say what is computed here; wait until nobody computes anything else, then agree on the plan."""
        from_scratch = self._overwrite and not self._begun
        shown = sha256(json.dumps(self.run.output_settings, sort_keys=True, default=str).encode()).hexdigest()
        purpose = f"{self._key} {shown}{f' {self._claims.member}' if from_scratch else ''}"
        self._claims.take(PROCESS + self._claims.member, purpose)
        started = time.monotonic()
        while strangers := [one for one in self._claims.others(PROCESS).values() if one.purpose != purpose]:
            if self._claims.is_here(strangers[0]) or time.monotonic() - started > 2 * self._how.stale_after_s:
                raise StoreError(
                    f"{self.run.manifest_path} is being written by another process ({strangers[0]}), from other "
                    "inputs, models or settings, or with --overwrite; wait until it ends, or use another output folder"
                )
            time.sleep(self._how.stale_after_s / LOOKS)
        with self._claims.held(ENTRY):
            self._elsewhere = None if self._overwrite else finished_manifest(self.run, self.inputs)
            self._unfinished.mkdir(exist_ok=True)
            if not self._claims.others(PROCESS):
                self._claims.sweep()
                remove_leftovers(self._unfinished)
            if not self._elsewhere:
                self._agree_on_plan(from_scratch)
        self.store = self._store(f"{self._key} {self.plan.sha256}")
        self._records = PlannedRecords(self.run, self.plan, self.inputs)
        self._share = [part.number for part in self.plan.parts if self._how.has(self._position, part.number)]
        self._begun = True

    def _agree_on_plan(self, from_scratch: bool) -> None:
        """Follow the plan that is there, if it is of the same run; else write one, without the parts of the other."""
        earlier = read_plan(self.run)
        if earlier and earlier[0] == self._key and not from_scratch:
            self.plan = earlier[1]
        else:
            if earlier:
                self._discard(earlier[1])
            write_plan(self.run, self._key, self.plan, self._unfinished)

    def _discard(self, plan: Plan) -> None:
        """Delete the parts of another run; a shard keeps what other shards may have computed."""
        store = self._store("")
        if self._how.shard and (saved := len(store.named())):
            raise StoreError(
                f"{self.run.scratch} has {saved} saved parts from other inputs, models or settings, and --shard does "
                "not discard them; repeat the options of the other shards, use another output folder, or delete that "
                "folder"
            )
        store.remove([part.number for part in plan.parts])

    def _what_is_saved(self) -> str:
        """Say how many parts are saved."""
        return f"{len(self.store.named())} of {len(self.plan.parts)} parts are saved"

    def _store(self, key: str) -> PartStore:
        return PartStore(self.run.scratch / PARTS, key, self._unfinished)

    def _is_missing(self, number: int) -> bool:
        """Whether a part is to be computed; one with sequences that did not fit in memory is tried again, once."""
        about = self.store.about(number)
        return about is None or (
            number not in self._tried and any(failure.error_type == OUT_OF_MEMORY for failure in about.failures)
        )

    def _missing(self) -> list[int]:
        """Parts of this process's share that nobody has saved; those that it finds are not looked for again."""
        if self._elsewhere:
            return []
        settled = self._saved | self._in_flight | self._lost.keys()
        open_ones = [number for number in self._share if number not in settled]
        missing = [number for number in open_ones if self._is_missing(number)]
        found = set(open_ones).difference(missing)
        self._saved |= found
        self._state.skip(sum(self.plan.parts[number - 1].letters for number in found))
        return missing

    def _claimed(self, missing: Sequence[int]) -> Iterator[Task]:
        """Give what can be claimed of these parts, in one pass over the inputs."""
        wanted = set(missing)
        for given in self._records.parts(wanted):
            number = given.part.number
            if number in wanted and self._claims.take(_name(number)):
                if self._is_missing(number):
                    self._tried.add(number)
                    self._in_flight.add(number)
                    yield self._task(given)
                else:  # somebody saved it meanwhile
                    self._claims.release(_name(number))

    def _task(self, given: PartInput | None) -> Task:
        done, lose = partial(self._done, given), partial(self._lose, given)
        return Task(self.run, given, self.models, self.store, self._advance, done, lose)

    def _advance(self, letters: int) -> None:
        self._state.done += letters
        self._tell(self._state)

    def _collected(self) -> Outcome | None:
        """Collect, unless somebody else has; None when a part turns out to be damaged, which is then absent."""
        if not self._overwrite and (manifest := finished_manifest(self.run, self.inputs)):
            return self._finished(manifest)
        collection = Collection(self._records, self.store, self.models, self._usage, self.failures)
        try:
            manifest = collection.write(self._unfinished, self._overwrite)
        except PartDamaged as damage:
            (number,) = damage.args
            logger.warning("part %d of %s is damaged and is computed again", number, self.run.label)
            self.store.remove([number])
            self._saved.discard(number)
            return None
        counts = counts_in_words(manifest.counts)
        parts = len(self.plan.parts)
        logger.info("%s: %d of %d parts computed, results saved: %s", self.run.label, self.computed, parts, counts)
        return self._outcome(State.WRITTEN, manifest)

    def _outcome(self, state: State, manifest: Manifest | None, absent: int = 0) -> Outcome:
        failures = manifest.failures if manifest else ()
        seconds = time.monotonic() - self.started
        return Outcome(self.run, state, manifest, None, failures, len(self.plan.parts), self.computed, seconds, absent)

    def _finished(self, manifest: Manifest) -> Outcome:
        logger.info("%s: finished by another process", self.run.label)
        return self._outcome(State.FINISHED, manifest)

    def _incomplete(self, absent: int, advice: str) -> Outcome:
        logger.info("%s: %d of %d parts are missing; %s", self.run.label, absent, len(self.plan.parts), advice)
        return self._outcome(State.INCOMPLETE, None, absent)


def tidy_finished(run: Run, how: Distribution) -> None:
    """Delete what a run that was killed at its very end has left."""
    make_scratch(run.scratch)
    with Claims(run.scratch / CLAIMS, how.stale_after_s) as claims:
        claims.take(PROCESS + claims.member)
        if claims.take(ENTRY) and not claims.others(PROCESS):
            claims.sweep()
            _tidy(run)
    remove_scratch(run.scratch)


def _tidy(run: Run) -> None:
    plan = read_plan(run)
    PartStore(run.scratch / PARTS, "", run.scratch).remove([part.number for part in plan[1].parts] if plan else [])
    remove_leftovers(run.scratch / UNFINISHED)
    (run.scratch / PLAN).unlink(missing_ok=True)
    remove_scratch(run.scratch, (PARTS, UNFINISHED))


def _name(number: int) -> str:
    """Name of the claim on a part."""
    return f"{PART}{number:07}"


def _range(first: int, last: int) -> str:
    """Name the records from first to last."""
    return f"record {first}" if first == last else f"records {first} to {last}"
