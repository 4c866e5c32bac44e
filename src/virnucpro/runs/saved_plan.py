"""The plan of an unfinished run on the disk, and what it was made for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from virnucpro.records import FileIdentity, ModelIdentity
from virnucpro.runs.files import whole_file
from virnucpro.runs.plan import Plan
from virnucpro.runs.run import Run

__all__ = ["PLAN", "read_plan", "run_key", "write_plan"]

PLAN: Final = "plan.json"


def run_key(run: Run, inputs: Sequence[FileIdentity], models: Mapping[str, ModelIdentity]) -> str:
    """Digest of everything that decides the numbers."""
    described = {role: [model.weights_sha256, model.architecture] for role, model in models.items()}
    content = [[one.sha256 for one in inputs], described, dict(run.settings)]
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def write_plan(run: Run, key: str, plan: Plan, scratch: Path) -> None:
    """Write a plan, with a digest of what is written."""
    content = {"key": key, **plan.to_json()}
    with whole_file(run.scratch / PLAN, scratch) as stream:
        stream.write(json.dumps({"sha256": _digest(content), **content}).encode())


def read_plan(run: Run) -> tuple[str, Plan] | None:
    """Read key and plan; None when there is none, or it is damaged: a new one is made, and its parts are the same."""
    try:
        content = json.loads((run.scratch / PLAN).read_bytes())
        if content.pop("sha256") != _digest(content):
            return None
        return str(content["key"]), Plan.from_json(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _digest(content: Mapping[str, object]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
