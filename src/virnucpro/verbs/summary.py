"""``summary.tsv``: one row for every sample, written when all of them are done, with a manifest of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from virnucpro.errors import StoreError
from virnucpro.runs.claims import Claims
from virnucpro.runs.files import cannot_write, make_scratch, remove_leftovers, remove_scratch
from virnucpro.runs.manifest import Manifest, read_manifest
from virnucpro.runs.results import Results, publish_with_manifest
from virnucpro.runs.run import Outcome, State
from virnucpro.scoring.calls import NOT_SCORED, VIRAL
from virnucpro.verbs.samples import sample_name_problem
from virnucpro.writers.cells import ABSENT
from virnucpro.writers.report import REPORT, combine_reports

__all__ = ["SUMMARY_COLUMNS", "require_folder_of_samples", "samples_of", "write_summary"]

SUMMARY, MANIFEST = "summary.tsv", "run.json"
STATES: Final = frozenset(state.value for state in State)
PUBLISHING: Final = "publishing"
"""Stands in the scratch folder while results get their names: after a kill they are known to be ours."""
SUMMARY_COLUMNS: Final = (
    "sample", "records", "bases", "viral_records", "viral_bases", "percent_viral", "not_scored", "median_fdr",
    "seconds", "peak_mb",
)  # fmt: skip


def samples_of(folder: Path, manifest: Manifest) -> dict[str, str]:
    """Give the state of every sample of the run in a folder, by name; StoreError if the manifest is damaged."""
    found = manifest.details.get("samples", [])
    whole = isinstance(found, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("sample"), str)
        and isinstance(one.get("state"), str)
        and not sample_name_problem(one["sample"])  # which names a folder
        for one in found
    )
    states = {one["sample"]: one["state"] for one in found} if whole else {}
    if not whole or len(states) != manifest.counts.get("samples", len(found)) or not STATES.issuperset(states.values()):
        raise StoreError(
            f"{folder / MANIFEST} is damaged: its list of samples is invalid; remove it, and run the same command again"
        )
    return states


def require_folder_of_samples(outdir: Path) -> None:
    """Refuse a folder that holds the results of one sample itself; StoreError."""
    earlier = read_manifest(outdir / MANIFEST)
    if earlier is not None and earlier.inputs:
        raise StoreError(f"{outdir} holds the results of a single sample; use another folder for several samples")


def write_summary(outdir: Path, samples: Sequence[tuple[str, Outcome]], overwrite: bool, stale_after_s: float) -> None:
    """Write what is common to all samples, given by name; of a refused sample all is NA. Shards do so in turn."""
    scratch = outdir / ".virnucpro" / "summary"
    try:
        make_scratch(scratch)
        with Claims(scratch / "claims", stale_after_s) as claims, claims.held("results"):
            make_scratch(scratch)
            remove_leftovers(scratch)
            _write(outdir, scratch, samples, overwrite)
    except OSError as error:
        raise cannot_write(outdir, error) from error
    finally:
        remove_scratch(scratch)


def _write(outdir: Path, scratch: Path, samples: Sequence[tuple[str, Outcome]], overwrite: bool) -> None:
    earlier = read_manifest(outdir / MANIFEST)
    ours = {one.path for one in earlier.results} if earlier else set()
    publishing = scratch / PUBLISHING
    if publishing.exists():
        ours |= {SUMMARY, REPORT}
    read = [path for _, outcome in samples for path in outcome.run.files_read]
    with Results(scratch, outdir) as results:
        rows = ["\t".join(SUMMARY_COLUMNS), *("\t".join(_row(*sample)) for sample in samples)]
        results.open(SUMMARY).write(("\n".join(rows) + "\n").encode())
        if pages := [outcome.run.outdir / REPORT for _, outcome in samples if _has_report(outcome)]:
            refused = [name for name, outcome in samples if outcome.state is State.REFUSED]
            combine_reports(results.open(REPORT), pages, refused)
        written = results.close(read, None if overwrite else ours)
        folders = [{"sample": name, "state": outcome.state.value} for name, outcome in samples]
        manifest = Manifest((), {}, {}, counts={"samples": len(folders)}, results=written, details={"samples": folders})
        publishing.touch()
        publish_with_manifest(results, outdir / MANIFEST, manifest, earlier)
        publishing.unlink()


def _has_report(outcome: Outcome) -> bool:
    return outcome.manifest is not None and any(one.path == REPORT for one in outcome.manifest.results)


def _row(name: str, outcome: Outcome) -> list[str]:
    if outcome.manifest is None:
        return [name, *[ABSENT] * (len(SUMMARY_COLUMNS) - 1)]
    counts, details = outcome.manifest.counts, outcome.manifest.details
    viral, records = counts["calls"].get(VIRAL, 0), counts["records"]
    execution = _mapping(details.get("execution"))
    seconds = [value for value in _mapping(execution.get("seconds")).values() if _number(value) is not None]
    numbers: list[Any] = [
        records, counts["bases"], viral, counts["viral_bases"], f"{100 * viral / records:.2f}" if records else None,
        counts["calls"].get(NOT_SCORED, 0), _number(details.get("median_fdr")),
        round(sum(seconds), 1) if seconds else None, _number(execution.get("peak_mb")),
    ]  # fmt: skip
    return [name, *(ABSENT if number is None else str(number) for number in numbers)]


def _number(value: object) -> float | None:
    """What a manifest says, if it is a number."""
    return value if isinstance(value, (int, float)) else None


def _mapping(value: object) -> Mapping[str, Any]:
    """What a manifest says, if it says it in the form that is expected."""
    return value if isinstance(value, dict) else {}
