"""Summary and exit code of verbs with one result per input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from virnucpro.cli.console import Console
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.errors import counted, counts_in_words

if TYPE_CHECKING:
    from virnucpro.runs.run import Outcome

__all__ = ["say_what_is_missing", "sum_up"]


def sum_up(outcomes: Sequence[Outcome], noun: str, outdir: Path, console: Console) -> int:
    """Show counts of inputs and sequences; return the exit code."""
    from virnucpro.runs.failures import FAILURE_LOG
    from virnucpro.runs.run import State

    states = Counter(outcome.state for outcome in outcomes)
    say_what_is_missing(outcomes, console)
    if states[State.INCOMPLETE] == len(outcomes):
        return ExitCode.DONE
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome.manifest is not None:
            counts.update({key: value for key, value in outcome.manifest.counts.items() if isinstance(value, int)})
    seconds = sum(outcome.seconds for outcome in outcomes)
    skipped = states[State.FINISHED] + states[State.KEPT]
    if counts:
        console.say(f"{noun}: {counts_in_words(counts)}")
    console.say(
        f"files: {states[State.WRITTEN]:,} written, {skipped:,} skipped, {states[State.REFUSED]:,} refused"
        f"{f', {states[State.INCOMPLETE]:,} incomplete' if states[State.INCOMPLETE] else ''}; "
        f"{seconds:.1f} s; results in {outdir}"
    )
    failed = counts["failed"] + counts["failed_rows"]
    if failed:
        console.warn(f"{failed:,} failed, see {outdir / FAILURE_LOG}")
    if states[State.REFUSED]:
        return ExitCode.BAD_INPUT
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE


def say_what_is_missing(outcomes: Sequence[Outcome], console: Console) -> None:
    """Say what a shard has done, and what is left to do."""
    from virnucpro.runs.run import State

    open_ones = [outcome for outcome in outcomes if outcome.state is State.INCOMPLETE]
    if open_ones:
        computed, missing = (
            sum(getattr(one, name) for one in open_ones) for name in ("computed_parts", "absent_parts")
        )
        parts = sum(one.parts for one in open_ones)
        advice = "run the other shards, or the same command without --shard, to get results"
        left = f"{missing:,} of {parts:,} are missing; {advice}" if missing else "another process writes the results"
        console.say(f"this shard is done: {counted(computed, 'part')} computed, {left}")
