"""One engine under every verb: plan, compute what is missing, collect, publish.

::

    inputs --plan--> parts --compute--> parts on the disk --collect--> results --publish--> manifest

Every pass checks the records of each part against the plan, so a result never mixes old and new input. Results get
their names together, once all of them are complete; the old manifest is removed before that, and the new one is written
last. After a kill at any time, the same command continues from the saved parts. Any number of processes can work on one
run: each part is computed by the process that claims it first.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from virnucpro.errors import ConfigError, InputError, StoreError, WorkerError
from virnucpro.records import Failure
from virnucpro.runs.distribution import Distribution
from virnucpro.runs.examine import Planned, examine, finished_manifest
from virnucpro.runs.execution import Execution, tidy_finished
from virnucpro.runs.executor import Executor, Task, open_executor
from virnucpro.runs.failures import replace_failures
from virnucpro.runs.files import cannot_write, is_taken, require_distinct, require_writable
from virnucpro.runs.planned_records import InputChanged
from virnucpro.runs.progress import Progress, ProgressCallback
from virnucpro.runs.run import Outcome, Run, State

__all__ = ["execute"]

RUNS_BETWEEN_MESSAGES: Final = 100

logger = logging.getLogger("virnucpro.runs")


def execute(
    runs: Sequence[Run],
    *,
    overwrite: bool = False,
    strict: bool = False,
    progress: ProgressCallback | None = None,
    unit: str = "b",
    distribution: Distribution | None = None,
) -> list[Outcome]:
    """Finish the runs one after another; finished ones are skipped without loading a model.

    An input that cannot be read is logged and gives an outcome of its own, or raises InputError if `strict`. StoreError
    if results were made from something else (all differences are named) or cannot be written. InputError if an input
    changes while it is read.
    """
    how = distribution or Distribution()
    how.check(overwrite)
    _check_outputs(runs)
    found = _examined(runs, overwrite, strict)
    total = sum(
        part.letters
        for position, one in enumerate(found)
        if isinstance(one, Planned)
        for part in one.plan.parts
        if how.has(position, part.number)
    )
    state, tell = Progress(unit, total), progress or (lambda _: None)
    outcomes: dict[int, Outcome] = {}
    pending: dict[int, Execution] = {}
    for position, one in enumerate(found):
        if isinstance(one, Planned):
            pending[position] = Execution(one, position, how, overwrite, state, tell)
        else:
            outcomes[position] = _skip(one, how)
            _report(outcomes[position], strict)
    lost: list[str] = []
    try:
        with open_executor(how) as executor:
            patient = len(pending) == 1
            while pending:
                for position, outcome in _round(pending, executor, patient, strict):
                    outcomes[position] = outcome
                    _report(outcome, strict)
                    lost += _log_lost(pending[position], outcome)
                    if len(outcomes) % RUNS_BETWEEN_MESSAGES == 0:
                        logger.info("%d of %d inputs finished", len(outcomes), len(runs))
                pending = {position: one for position, one in pending.items() if position not in outcomes}
                patient = True
    except OSError as error:
        raise cannot_write(runs[0].outdir, error) from error
    if lost:
        raise WorkerError("\n".join(lost))
    return [_look_again(outcomes[position], one) for position, one in enumerate(found)]


def _look_again(outcome: Outcome, found: Outcome | Planned) -> Outcome:
    """Take what other shards have finished since this one left it; the last shard to finish a run sees all of them."""
    if outcome.state is not State.INCOMPLETE or not isinstance(found, Planned):
        return outcome
    manifest = finished_manifest(outcome.run, found.inputs)
    if manifest is None:
        return outcome
    logger.info("%s: finished by another process", outcome.run.label)
    return replace(outcome, state=State.FINISHED, manifest=manifest, failures=manifest.failures, absent_parts=0)


def _examined(runs: Sequence[Run], overwrite: bool, strict: bool) -> list[Outcome | Planned]:
    """Plan what is not finished; names all conflicts at once."""
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
    return found


def _check_outputs(runs: Sequence[Run]) -> None:
    """Check before any work that results can be written and that none of them is an input."""
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
        is_taken(path)


def _skip(outcome: Outcome, how: Distribution) -> Outcome:
    """Keep a finished run; delete what a killed run left in its scratch folder."""
    run = outcome.run
    if outcome.state is State.FINISHED and not run.keep_parts and run.scratch.is_dir():
        with contextlib.suppress(OSError):  # we may not write there
            tidy_finished(run, how)
    return outcome


def _refuse(run: Run, error: InputError, strict: bool, failures: Sequence[tuple[str, Failure]] = ()) -> Outcome:
    """Make the outcome of an input that cannot be used; log why, unless the caller raises it."""
    if not strict:
        logger.error("%s", error)
    return Outcome(run, State.REFUSED, None, error, tuple(failures))


def _round(
    pending: dict[int, Execution], executor: Executor, patient: bool, strict: bool
) -> Iterator[tuple[int, Outcome]]:
    """Compute what can be had and finish what can be finished, in order; what waits for others is left."""
    entered: dict[int, ExitStack] = {}

    def tasks() -> Iterator[Task]:
        for position, execution in pending.items():
            entered[position] = everything.enter_context(ExitStack())
            entered[position].enter_context(execution)
            yield from execution.tasks(patient)

    with ExitStack() as everything, closing(executor.completed(tasks())) as completed:
        for task in completed:
            task.done()
            while entered and pending[first := next(iter(entered))].is_handed_out:
                outcome = _finish(pending[first], patient, strict)
                entered.pop(first).close()
                if outcome is not None:
                    yield first, outcome


def _finish(execution: Execution, patient: bool, strict: bool) -> Outcome | None:
    """Collect and publish one run, of which all parts that this process computes are saved."""
    try:
        outcome = execution.outcome(patient)
    except InputChanged:
        raise
    except InputError as error:  # nothing in it could be used
        return _refuse(execution.run, error, strict, execution.failures)
    manifest = outcome and outcome.manifest
    if not execution.run.keep_parts and manifest and not manifest.may_succeed_elsewhere:
        execution.tidy()
    return outcome


def _report(outcome: Outcome, strict: bool) -> None:
    """Log what failed; raise it when `strict`."""
    _log_failures(outcome)
    if strict and outcome.error:
        raise outcome.error


def _log_lost(execution: Execution, outcome: Outcome) -> list[str]:
    """Write the parts that could not be computed into the failure log; the run that computes them removes them."""
    lost = execution.lost if outcome.state is State.INCOMPLETE else []
    for label in dict.fromkeys(label for label, _ in lost):
        replace_failures(outcome.run.outdir, label, [failure for its, failure in lost if its == label])
    advice = (
        "all other parts are saved; look for too little memory, or take these records out; the same command tries the "
        "part again"
    )
    return [f"{label}: {failure.message}; {advice}" for label, failure in lost]


def _log_failures(outcome: Outcome) -> None:
    """Write each failure of a run into the failure log of its folder, once."""
    if outcome.state in (State.KEPT, State.INCOMPLETE):
        return
    for source in outcome.run.inputs:
        failures = [failure for label, failure in outcome.failures if label == source.label]
        if outcome.error is not None:
            failures.append(Failure(0, "-", "InputError", str(outcome.error)))
        replace_failures(outcome.run.outdir, source.label, failures)
