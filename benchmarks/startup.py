"""How long nothing takes: ``--help``, one short sequence, and a run whose 1,000 files are all finished."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from virnucpro.cli.main import run

FILES = 1000


def seconds(*arguments: str) -> float:
    """Wall time of one run of the command."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "virnucpro", *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def rows(repetitions: int = 5) -> Iterator[dict[str, Any]]:
    """Wall time of several runs of each."""
    yield {"what": "virnucpro --help", "seconds": [seconds("--help") for _ in range(repetitions)]}
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one.fa"
        one.write_text(f">x\n{'ACGTTGCA' * 64}\n")
        command = ["predict", str(one), "-o", f"{folder}/calls", "-q", "--overwrite"]
        yield {"what": "virnucpro predict, one sequence", "seconds": [seconds(*command) for _ in range(repetitions)]}
        files = [Path(folder) / f"{number}.faa" for number in range(FILES)]
        for number, file in enumerate(files):
            file.write_text(f">p\nMKV{'LAGVSERTID'[number % 10]}\n")
        command = ["embed", *map(str, files), "-o", f"{folder}/out", "--model", "mini", "--device", "cpu"]
        with mock.patch("os.fsync"):  # what is written here need not outlive a power failure
            assert run([*command, "--quiet"]) == 0
        idle = [seconds(*command) for _ in range(repetitions)]
    yield {"what": f"virnucpro embed, {FILES:,} finished files", "seconds": idle}
