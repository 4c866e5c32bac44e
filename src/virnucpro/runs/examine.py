"""What is to be done with a run: nothing, or a plan."""

from __future__ import annotations

import logging
from array import array
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from virnucpro.errors import StoreError
from virnucpro.records import FileIdentity
from virnucpro.runs.files import file_sha256, result_path
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.plan import Plan
from virnucpro.runs.run import Outcome, Run, State
from virnucpro.runs.usage import Usage

__all__ = ["PLAN", "Planned", "examine"]

PLAN = "plan.json"
SAMPLE_RECORDS = 100
COMPARED_IDS = 1_000_000
"""Of so many records, the first, IDs are compared: 8 MB."""

logger = logging.getLogger("virnucpro.runs")


@dataclass(frozen=True, eq=False)
class Planned:
    """A run that is to be computed."""

    run: Run
    plan: Plan
    inputs: tuple[FileIdentity, ...]
    usage: Usage  # of planning so far


def examine(run: Run, overwrite: bool) -> Outcome | Planned:
    """Compare a run with what is in its output folder; StoreError where that was made from something else."""
    manifest = None if overwrite else read_manifest(run.manifest_path)
    if manifest is None:
        return Outcome(run, State.KEPT) if not overwrite and _has_unknown_results(run) else _plan(run)
    _require_same(run, manifest)
    shown_as_asked = manifest.output_settings == run.output_settings
    if _results_are_whole(run, manifest) and shown_as_asked and not manifest.may_succeed_elsewhere:
        logger.info("%s: already finished, skipped", run.label)
        return Outcome(run, State.FINISHED, manifest, None, manifest.failures)
    return _plan(run)


def _has_unknown_results(run: Run) -> bool:
    """Whether results are there that no manifest, and no unfinished run, accounts for."""
    unknown = [run.outdir / name for name in run.results if (run.outdir / name).exists()]
    if not unknown or (run.scratch / PLAN).exists():
        return False
    if unknown[0] != run.outdir / run.results[0]:
        raise StoreError(f"{unknown[0]} is in the way of a result; move it, or add --overwrite to replace it")
    logger.warning(
        "%s has no manifest: kept as it is, unchecked; remove it, or add --overwrite to recompute", unknown[0]
    )
    return True


def _require_same(run: Run, manifest: Manifest) -> None:
    wanted = Manifest(tuple(source.digest() for source in run.inputs), run.models, run.settings)
    if differing := manifest.differences(wanted):
        raise StoreError(
            f"{run.manifest_path}: the results were made from something else ({'; '.join(differing)}); "
            "use another output folder, or add --overwrite to recompute"
        )


def _results_are_whole(run: Run, manifest: Manifest) -> bool:
    """False when a result is gone; StoreError when one is not what was written."""
    for result in manifest.results:
        path = result_path(run.outdir, result.path)
        if not path.is_file():
            return False
        if file_sha256(path) != result.sha256:
            raise StoreError(f"{path} has changed since it was written; remove it, or add --overwrite to recompute")
    return True


def _plan(run: Run) -> Planned:
    """Read all inputs once: plan the parts, digest the bytes, find what is wrong before any work."""
    usage = Usage()
    with usage.stage("plan"):
        plan = _planned(run)
    logger.info("%s: %d records, %d letters, %d parts", run.label, plan.records, plan.letters, len(plan.parts))
    return Planned(run, plan, tuple(source.identity for source in run.inputs), usage)


def _planned(run: Run) -> Plan:
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
        counts.append(count)
    _warn_of_duplicates(run.label, ids)
    return planner.finish(counts)


def _warn_of_duplicates(label: str, ids: array[int]) -> None:
    """Say how many records have the ID of an earlier one; `ids` are hashes."""
    repeated = len(ids) - len(np.unique(np.frombuffer(ids, np.int64))) if ids else 0
    if repeated:
        among = f"the first {len(ids):,}" if len(ids) == COMPARED_IDS else f"{len(ids):,}"
        logger.warning(
            "%s: %s of %s records (%.2g %%) have the ID of an earlier one; each has its own result, in input order, "
            "but the ID alone does not tell which", label, f"{repeated:,}", among, 100 * repeated / len(ids),
        )  # fmt: skip
