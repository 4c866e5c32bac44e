"""Decide what a run needs: nothing, or a plan."""

from __future__ import annotations

import logging
from array import array
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from virnucpro.errors import StoreError, counted
from virnucpro.records import FileIdentity
from virnucpro.runs.files import file_sha256, result_path
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.plan import Plan
from virnucpro.runs.run import Outcome, Run, State
from virnucpro.runs.saved_plan import PLAN, read_plan, run_key
from virnucpro.runs.usage import Usage
from virnucpro.sequences.pairs import SecondMates

__all__ = ["Planned", "examine", "finished_manifest"]

SAMPLE_RECORDS = 100
COMPARED_IDS = 1_000_000
"""IDs of the first records are compared, up to this number: 8 MB of hashes."""

logger = logging.getLogger("virnucpro.runs")


@dataclass(frozen=True, eq=False)
class Planned:
    """A run that has to be computed."""

    run: Run
    plan: Plan
    inputs: tuple[FileIdentity, ...]
    usage: Usage  # of planning so far


def examine(run: Run, overwrite: bool) -> Outcome | Planned:
    """Compare a run with the results in its output folder; StoreError if those were made from something else."""
    manifest = None if overwrite else read_manifest(run.manifest_path)
    if manifest is None:
        kept = not overwrite and _has_unknown_results(run)
        return Outcome(run, State.KEPT) if kept else _plan(run, overwrite)
    _require_same(run, manifest)
    if missing := manifest.lacks(run.counted):
        raise StoreError(
            f"{run.manifest_path} is damaged: it has no count of {', '.join(missing)}; remove it, or add --overwrite "
            "to recompute"
        )
    if wrong := manifest.contradictions():
        raise StoreError(
            f"{run.manifest_path} is damaged: it counts {'; '.join(wrong)}; remove it, or add --overwrite to recompute"
        )
    shown_as_asked = manifest.output_settings == run.output_settings
    if _results_are_whole(run, manifest) and shown_as_asked and not manifest.may_succeed_elsewhere:
        logger.info("%s: already finished, skipped", run.label)
        return Outcome(run, State.FINISHED, manifest, None, manifest.failures)
    return _plan(run, overwrite)


def finished_manifest(run: Run, inputs: tuple[FileIdentity, ...]) -> Manifest | None:
    """Give the manifest of a run that another process has finished meanwhile."""
    try:
        manifest = read_manifest(run.manifest_path)
    except StoreError:
        return None
    wanted = Manifest(inputs, run.models, run.settings)
    if manifest is None or manifest.lacks(run.counted) or manifest.contradictions() or manifest.differences(wanted):
        return None
    shown_as_asked = manifest.output_settings == run.output_settings
    done = shown_as_asked and not manifest.may_succeed_elsewhere and _results_are_whole(run, manifest)
    return manifest if done else None


def _has_unknown_results(run: Run) -> bool:
    """Whether there are results that belong to no manifest and no unfinished run."""
    unknown = [run.outdir / name for name in run.results if (run.outdir / name).exists()]
    if not unknown or (run.scratch / PLAN).exists():
        return False
    if unknown[0] != run.outdir / run.results[0]:
        raise StoreError(f"{unknown[0]} is in the way of a result; move it, or add --overwrite to replace it")
    logger.warning(
        "%s has no manifest: kept as it is, unchecked, and nothing is computed for %s; remove it, or add --overwrite "
        "to recompute", unknown[0], run.label,
    )  # fmt: skip
    return True


def _require_same(run: Run, manifest: Manifest) -> None:
    wanted = Manifest(tuple(source.digest() for source in run.inputs), run.models, run.settings)
    if differing := manifest.differences(wanted):
        raise StoreError(
            f"{run.manifest_path}: the results were made from something else ({'; '.join(differing)}); "
            "use another output folder, or add --overwrite to recompute"
        )


def _results_are_whole(run: Run, manifest: Manifest) -> bool:
    """Whether all results are there; StoreError if one was changed."""
    for result in manifest.results:
        path = result_path(run.outdir, result.path)
        if not path.is_file():
            return False
        if file_sha256(path) != result.sha256:
            raise StoreError(f"{path} has changed since it was written; remove it, or add --overwrite to recompute")
    return True


def _plan(run: Run, overwrite: bool) -> Planned:
    """Follow the plan of this run that another process, or an earlier one, has made; else make one."""
    usage = Usage()
    with usage.stage("plan"):
        plan, inputs = (None if overwrite else _earlier_plan(run)) or _new_plan(run)
    sizes = counted(plan.records, "record"), counted(plan.letters, "letter"), counted(len(plan.parts), "part")
    logger.info("%s: %s", run.label, ", ".join(sizes))
    return Planned(run, plan, inputs, usage)


def _earlier_plan(run: Run) -> tuple[Plan, tuple[FileIdentity, ...]] | None:
    """Give the plan that is there, if inputs, models and settings are the same: digesting is quicker than reading."""
    earlier = read_plan(run)
    if earlier is None:
        return None
    inputs = tuple(source.digest() for source in run.inputs)
    return (earlier[1], inputs) if earlier[0] == run_key(run, inputs, run.job.resolve()) else None


def _new_plan(run: Run) -> tuple[Plan, tuple[FileIdentity, ...]]:
    """Read all inputs once: check them, digest them and plan the parts."""
    planner, counts, ids = run.job.planner(), [], array("q")
    for source in run.inputs:
        records = iter(source)
        sample = list(islice(records, SAMPLE_RECORDS))
        for warning in run.job.check(source.label, sample):
            logger.warning("%s", warning)
        count = 0
        for record in chain(sample, records):
            planner.add(run.job.content(record), run.job.letters(record))
            count += 1
            if len(ids) < COMPARED_IDS:
                ids.append(hash(run.job.id_of(record)))
        if not count and not isinstance(source, SecondMates):
            logger.warning("%s: %s", source.label, _why_nothing(source.identity))
        counts.append(count)
    _warn_of_duplicates(run.label, ids)
    return planner.finish(counts), tuple(source.identity for source in run.inputs)


def _why_nothing(file: FileIdentity) -> str:
    """Say why a file may have no records."""
    found = "holds no records" if file.size else "the file is empty (0 bytes)"
    return f"{found}; check whether the previous step failed or removed every record"


def _warn_of_duplicates(label: str, ids: array[int]) -> None:
    """Warn how many records repeat an earlier ID; `ids` are hashes."""
    repeated = len(ids) - len(np.unique(np.frombuffer(ids, np.int64))) if ids else 0
    if repeated:
        among = f"the first {len(ids):,}" if len(ids) == COMPARED_IDS else f"{len(ids):,}"
        logger.warning(
            "%s: %s of %s records (%.2g %%) have the ID of an earlier one; each has its own result, in input order, "
            "but the ID alone does not tell which", label, f"{repeated:,}", among, 100 * repeated / len(ids),
        )  # fmt: skip
