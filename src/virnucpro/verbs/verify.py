"""``verify``: whether an output folder still holds what its runs wrote, of the inputs that they read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from virnucpro.errors import ConfigError, InputError, StoreError, counted, shown
from virnucpro.records import FileIdentity
from virnucpro.runs.failures import FAILURE_LOG
from virnucpro.runs.files import file_sha256
from virnucpro.runs.manifest import MAX_MANIFEST_BYTES, Manifest, read_manifest
from virnucpro.runs.run import State
from virnucpro.runs.saved_plan import PLAN
from virnucpro.verbs.checks import Check
from virnucpro.verbs.summary import samples_of
from virnucpro.writers.tally import COUNTED

__all__ = ["verify"]

SCRATCH: Final = ".virnucpro"
OF_A_RUN: Final = ("run.json", "_features.json", "_prepare.json")
NAMED: Final = 5
"""Files that are named in one line."""
NO_MANIFEST: Final = (
    "no run.json, so its results are missing, unfinished or unchecked; run the same command again, and add --overwrite "
    "if it keeps them as they are"
)


def verify(outdir: Path) -> Iterator[Check]:
    """Check every run of a folder and of the folders in it; InputError when it holds none."""
    if not os.path.isdir(outdir):  # Path.is_dir raises for long names
        raise ConfigError(f"{shown(str(outdir))}: no such folder")
    unreadable: list[OSError] = []
    walk = os.walk(outdir, onerror=unreadable.append)
    paths = sorted(Path(at, name) for at, _, names in walk for name in names if name.endswith(".json"))
    found = len(unreadable)
    for error in unreadable:
        yield Check(str(error.filename), False, f"the folder cannot be read: {error.strerror or error}")
    for path in paths:
        if SCRATCH in path.relative_to(outdir).parts or not _may_be_manifest(path):
            continue
        found += 1
        yield from _verify_run(path, str(path.relative_to(outdir)))
    for plan in sorted(outdir.rglob(f"{SCRATCH}/*/{PLAN}")):
        name, folder = plan.parent.name, plan.parent.parent.parent
        found += 1
        if not any((folder / manifest).exists() for manifest in (f"{name}.json", "run.json")):
            yield Check(str((folder / name).relative_to(outdir)), False, "unfinished; run the same command to continue")
    if not found:
        raise InputError(f"{outdir} holds no run.json and no other manifest of VirNucPro")


def _may_be_manifest(path: Path) -> bool:
    """Tell manifests from other JSON by their keys; one that is damaged or cannot be read by its name."""
    beside = path.with_name(path.name.removesuffix(".json")).is_file() or path.name.endswith(OF_A_RUN)
    if not os.path.isfile(path) or path.stat().st_size > MAX_MANIFEST_BYTES:
        return False
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return beside
    return isinstance(content, dict) and {"format", "inputs", "results"} <= content.keys()


def _verify_run(path: Path, name: str) -> Iterator[Check]:
    try:
        manifest = read_manifest(path)
    except StoreError as error:
        yield Check(name, False, str(error))
        return
    assert manifest is not None
    yield _results(path.parent, name, manifest)
    yield _inputs(name, manifest)
    if not manifest.inputs and "samples" in {*manifest.counts, *manifest.details}:  # a folder of samples has none
        yield from _samples(path.parent, name, manifest)
    else:
        yield _counts(name, manifest)


def _results(folder: Path, name: str, manifest: Manifest) -> Check:
    gone = [one.path for one in manifest.results if not os.path.isfile(folder / one.path)]
    wrong = {"missing": gone} | _differing(folder, [one for one in manifest.results if one.path not in gone])
    if any(wrong.values()):
        parts = [f"{_list(names)} {what}" for what, names in wrong.items() if names]
        return Check(f"{name}: results", False, "; ".join(parts))
    return Check(f"{name}: results", True, f"{counted(len(manifest.results), 'file')} as written")


def _inputs(name: str, manifest: Manifest) -> Check:
    here = [one for one in manifest.inputs if os.path.isfile(one.path)]  # Path.is_file raises for long names
    wrong = _differing(Path(), here)
    if any(wrong.values()):
        since = {"changed": "changed since the run"}
        parts = [f"{_list(names)} {since.get(what, what)}" for what, names in wrong.items() if names]
        return Check(f"{name}: inputs", False, "; ".join(parts))
    elsewhere = len(manifest.inputs) - len(here)
    told = [f"{len(here)} unchanged"] * bool(here) + [f"{elsewhere} not found, so not checked"] * bool(elsewhere)
    return Check(f"{name}: inputs", True, ", ".join(told) or "none of its own")


def _counts(name: str, manifest: Manifest) -> Check:
    """Check that every input has an answer."""
    counts, failures = manifest.counts, len(manifest.failures)
    whole = {key: count for key, count in counts.items() if isinstance(count, int)}
    wrong = [f"no count of {key}" for key in manifest.lacks(COUNTED)] if counts.keys() & COUNTED.keys() else []
    wrong += manifest.contradictions()
    nouns = {"records": "record", "read": "sequence", "windows": "window", "rows": "row"}
    total = next((counted(whole[key], noun) for key, noun in nouns.items() if key in whole), "all")
    return Check(f"{name}: counts", not wrong, "; ".join(wrong) or f"{total} accounted for, {failures:,} failed")


def _samples(folder: Path, name: str, manifest: Manifest) -> Iterator[Check]:
    """Count the samples that have results; name those that have none, and say why."""
    try:
        states = samples_of(folder, manifest)
    except StoreError as error:
        yield Check(f"{name}: samples", False, str(error))
        return
    refused = [sample for sample, state in states.items() if state == State.REFUSED.value]
    without = {sample: why for sample in states if sample not in refused and (why := _why_unfinished(folder / sample))}
    with_results = counted(len(states) - len(refused) - len(without), "sample")
    missing = f", {len(without):,} missing" if without else ""
    yield Check(f"{name}: samples", not without, f"{with_results} with results, {len(refused):,} refused{missing}")
    for sample in refused:
        without[sample] = f"refused, so it has no results; {FAILURE_LOG} in its folder says why"
    for sample, why in without.items():
        yield Check(f"{name}: sample {sample}", False, why)


def _why_unfinished(folder: Path) -> str:
    """Say why the results of a sample cannot be checked; empty if its run is finished."""
    if folder.is_symlink():
        return "its folder is a link, which is not followed; verify the folder that it leads to"
    try:
        finished = read_manifest(folder / "run.json") is not None
    except StoreError as error:
        return str(error)
    return "" if finished else NO_MANIFEST


def _differing(folder: Path, files: Sequence[FileIdentity]) -> dict[str, list[str]]:
    """Names of the files that are not as written, by what is wrong with them."""
    found: dict[str, list[str]] = {"changed": [], "cannot be read": []}
    for one in files:
        path = folder / one.path
        try:
            if path.stat().st_size != one.size or file_sha256(path) != one.sha256:
                found["changed"].append(one.path)
        except (OSError, StoreError):
            found["cannot be read"].append(one.path)
    return found


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shown(name) for name in names[:NAMED]) + more
