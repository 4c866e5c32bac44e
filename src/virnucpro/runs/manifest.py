"""Manifests: what results were made from; written last, so that a later run knows what to skip.

`run.json`, or `x_ESM.pt.json` beside `x_ESM.pt`. A run without its manifest is unfinished.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from virnucpro import __version__
from virnucpro.errors import StoreError, counted, shown
from virnucpro.records import Failure, FileIdentity, ModelIdentity, same_model
from virnucpro.runs.files import cannot_read

__all__ = ["MAX_MANIFEST_BYTES", "OUT_OF_MEMORY", "Manifest", "changed_settings", "read_manifest"]

FORMAT: Final = 2
OUT_OF_MEMORY: Final = "OutOfMemory"
MAX_NAME_BYTES: Final = 255
MAX_COUNT: Final = 1 << 62
MAX_MANIFEST_BYTES: Final = 1 << 28
"""Manifests list all failures of a run, so they can be long."""


@dataclass(frozen=True)
class Manifest:
    """What results depend on, counts and failures, and the result files."""

    inputs: tuple[FileIdentity, ...]
    models: Mapping[str, ModelIdentity]  # by role: protein, dna, classifier
    settings: Mapping[str, Any]  # what changes the numbers; batch size and device do not
    output_settings: Mapping[str, Any] = field(default_factory=dict)  # what changes only how results show the numbers
    counts: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[FileIdentity, ...] = ()  # names relative to the manifest's folder
    failures: tuple[tuple[str, Failure], ...] = ()  # input file, and what failed in it
    details: Mapping[str, Any] = field(default_factory=dict)  # device, seconds, ...

    @property
    def may_succeed_elsewhere(self) -> bool:
        """Whether any sequence failed because it did not fit in memory."""
        return any(failure.error_type == OUT_OF_MEMORY for _, failure in self.failures)

    def changes(self, wanted: Manifest) -> list[tuple[str, str, str]]:
        """List all differences that change the numbers, as (what, old, new); a moved file or renamed model is none."""
        found = [
            (f"input {new.path}", _described(old), _described(new))
            for old, new in zip(self.inputs, wanted.inputs, strict=False)
            if (old.size, old.sha256) != (new.size, new.sha256)
        ]
        if len(self.inputs) != len(wanted.inputs):
            found.append(("number of inputs", str(len(self.inputs)), str(len(wanted.inputs))))
        found += [
            (f"{role} model", _named(self.models.get(role)), _named(wanted.models.get(role)))
            for role in sorted({*self.models, *wanted.models})
            if not _same(self.models.get(role), wanted.models.get(role))
        ]
        return found + changed_settings(self.settings, wanted.settings)

    def differences(self, wanted: Manifest) -> list[str]:
        """Describe `changes` between an earlier run and one that is wanted now."""
        return [f"{shown(what)}: {shown(old)} then, {shown(new)} now" for what, old, new in self.changes(wanted)]

    def lacks(self, wanted: Mapping[str, type]) -> list[str]:
        """Name the counts that are not there, or are of another type."""
        return [name for name, kind in wanted.items() if not isinstance(self.counts.get(name), kind)]

    def contradictions(self) -> list[str]:
        """Say which counts contradict each other or the list of failures."""
        counts, failures = self.counts, len(self.failures)
        whole = {key: count for key, count in counts.items() if isinstance(count, int)}
        sums = {key: sum(found.values()) for key in ("calls", "statuses") if isinstance(found := counts.get(key), dict)}
        wrong = []
        if {"read", "written", "failed"} <= whole.keys() and whole["read"] != whole["written"] + whole["failed"]:
            wrong.append(f"{whole['read']:,} read, {whole['written']:,} written, {whole['failed']:,} failed")
        told = whole.get("failed", whole.get("failed_rows", failures))
        if told != failures:
            wrong.append(f"{told:,} failed, and {failures:,} failures listed")
        records = whole.get("records", 0)
        wrong += [f"{counted(records, 'record')}, and {n:,} {key}" for key, n in sums.items() if n != records]
        if (viral := whole.get("viral_bases", 0)) > (bases := whole.get("bases", viral)):
            wrong.append(f"{counted(bases, 'base')}, and {viral:,} of them viral")
        if (ambiguous := whole.get("ambiguous_records", 0)) > records:
            wrong.append(f"{counted(records, 'record')}, and {ambiguous:,} of them ambiguous")
        if sums and ("rows" in whole) is not ("failed_rows" in whole):
            wrong.append("rows that were scored or rows that failed are not counted")
        return wrong

    def to_json(self) -> bytes:
        """Serialise: JSON, indented, keys in a fixed order."""
        content = {
            "format": FORMAT,
            "virnucpro": __version__,
            "inputs": [asdict(one) for one in self.inputs],
            "models": {role: asdict(model) for role, model in self.models.items()},
            "settings": self.settings,
            "output_settings": self.output_settings,
            "counts": self.counts,
            "results": [asdict(one) for one in self.results],
            "failures": [[file, *asdict(failure).values()] for file, failure in self.failures],
            **self.details,
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "torch": version("torch")},
        }
        return (json.dumps(content, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Parse what `to_json` wrote; ValueError for anything else."""
        try:
            content = json.loads(text)
            if not isinstance(content, dict) or content.get("format") != FORMAT:
                raise ValueError(f"not a manifest of format {FORMAT}")
            known = {"inputs", "models", "settings", "output_settings", "counts", "results", "failures"}
            made = cls(
                _files(content["inputs"]),
                {str(role): ModelIdentity(**model) for role, model in content["models"].items()},
                dict(content["settings"]),
                dict(content["output_settings"]),
                _counts(content["counts"]),
                _results(content["results"]),
                tuple((_text(file), _failure(*failure)) for file, *failure in content["failures"]),
                {key: content[key] for key in content if key not in {*known, "format", "virnucpro", "versions"}},
            )
            for model in made.models.values():
                if not isinstance(model.weights_sha256, str) or not isinstance(model.architecture, dict):
                    raise ValueError("a model is not described as it should be")
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a manifest: {error!r}") from error
        return made


def changed_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """List the settings that differ, as (name, old, new)."""
    return [(key, str(old.get(key)), str(new.get(key))) for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def read_manifest(path: Path) -> Manifest | None:
    """Read a manifest; None if there is none, StoreError if it is damaged or cannot be read."""
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError(f"larger than {MAX_MANIFEST_BYTES} bytes")
        return Manifest.from_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValueError as error:
        raise StoreError(
            f"{path} is damaged: {shown(str(error))}; remove it, or add --overwrite to recompute"
        ) from error


def _files(content: Iterable[Mapping[str, Any]]) -> tuple[FileIdentity, ...]:
    files = tuple(FileIdentity(**one) for one in content)
    for one in files:
        _text(one.path)
        _text(one.sha256)
        if type(one.size) is not int or one.size < 0:
            raise ValueError(f"a size is {one.size!r}")
    return files


def _results(content: Iterable[Mapping[str, Any]]) -> tuple[FileIdentity, ...]:
    results = _files(content)
    for one in results:
        if "\0" in one.path or any(len(os.fsencode(part)) > MAX_NAME_BYTES for part in Path(one.path).parts):
            raise ValueError(f"{one.path[:MAX_NAME_BYTES]!r} cannot be the name of a result")
    return results


def _counts(content: Mapping[str, Any], nested: bool = True) -> dict[str, Any]:
    for name, count in content.items():
        if isinstance(count, dict) and nested:
            _counts(count, nested=False)
        elif type(count) is not int or not 0 <= count < MAX_COUNT:
            raise ValueError(f"the count {name!r} is {count!r}")
    return dict(content)


def _failure(number: Any, id_: Any, error_type: Any, message: Any) -> Failure:  # noqa: ANN401
    if type(number) is not int:
        raise ValueError(f"a record number is {number!r}")
    return Failure(number, _text(id_), _text(error_type), _text(message))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def _same(old: ModelIdentity | None, new: ModelIdentity | None) -> bool:
    if old is None or new is None:
        return old is new
    shared = old.architecture.keys() & new.architecture.keys()
    return same_model(old, new) and all(old.architecture[key] == new.architecture[key] for key in shared)


def _described(file: FileIdentity) -> str:
    return f"{file.size} bytes {file.sha256[:12]}"


def _named(model: ModelIdentity | None) -> str:
    return f"{model.name} ({model.weights_sha256[:12] or model.revision})" if model else "none"
