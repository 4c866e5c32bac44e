"""What must pass rather than be fast: `virnucpro doctor`, and the tests that need a GPU or published weights."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.gpu_report.scale import Scale
from virnucpro.cli.main import run
from virnucpro.models.catalog import CATALOG
from virnucpro.models.hub import find_downloaded

LINES = 12


def doctor(scale: Scale) -> Iterator[dict[str, Any]]:
    """The machine, and an extraction with each kind of encoder."""
    for model in (None, "mini", str(scale.esm2_folder), str(scale.dna_folder)):
        command = ["doctor", "--device", scale.device, *(["--model", model] if model else [])]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = run(command)
        lines = printed.getvalue().splitlines()
        checked = [line for line in lines if line.startswith(("PASS", "FAIL"))]
        yield {"what": f"doctor --model {model}" if model else "doctor", "code": int(code), "lines": checked or lines}


def tests(scale: Scale) -> Iterator[dict[str, Any]]:
    """`-m gpu`, and `-m weights` where published weights are."""
    folders = {"gpu": ["tests/gpu"]}
    if any(find_downloaded(entry) for entry in CATALOG.values()):
        folders["weights"] = ["tests"]
    for mark, where in folders.items():
        yield {"what": f"pytest -m {mark}", **_tested(mark, where, scale)}
    if "weights" not in folders:
        yield {"what": "pytest -m weights", "code": 0, "lines": ["not run: no published weights on this machine"]}


def _tested(mark: str, where: list[str], scale: Scale) -> dict[str, Any]:
    """Exit code, and the end of what pytest prints; warnings of other versions of libraries are no errors here."""
    cache = f"cache_dir={scale.folder / 'pytest'}"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = pytest.main(["-q", "-m", mark, "-o", "filterwarnings=default", "-o", cache, "--durations=5", *where])
    return {"code": int(code), "lines": printed.getvalue().splitlines()[-4 * LINES :]}
