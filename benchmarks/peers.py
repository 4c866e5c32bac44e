"""Other tools beside `mini`, each installed aside: ``python -m benchmarks.peers`` before ``python -m benchmarks``.

Every peer has a virtual environment of its own under ``benchmarks/.cache/peers``; it sees the libraries of this one, so
that torch is not installed twice. The licence of DeepMicroClass allows non-commercial use only: it is run for
comparison, and nothing of it is part of this package. geNomad needs TensorFlow, which is too large to be installed for
one row of a table.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

from benchmarks.workloads import CACHE

FOLDER = CACHE / "peers"
REQUIREMENTS = {"DeepMicroClass": "deepmicroclass==1.0.6.2"}
Command = Callable[[str, str], list[str]]


def installed_peers() -> dict[str, Command]:
    """The peers that are here, each as a command from FASTA and an output folder."""

    def command(script: Path) -> Command:
        return lambda fasta, out: [str(script), "predict", "-i", fasta, "-o", out, "-d", "cpu"]

    scripts = {name: FOLDER / name / "bin" / name for name in REQUIREMENTS}
    return {name: command(script) for name, script in scripts.items() if script.exists()}


def install(name: str, requirement: str) -> None:
    """Make an environment, and let it see the libraries of this one."""
    folder = FOLDER / name
    venv.create(folder, with_pip=True, clear=True)
    python = folder / "bin" / "python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (Path(where.stdout.strip()) / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    constraints = Path(__file__).parent.parent / "constraints.txt"
    subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, requirement], check=True)


def main() -> None:
    """Install all."""
    for name, requirement in REQUIREMENTS.items():
        install(name, requirement)
        print(f"{name}: {FOLDER / name}", file=sys.stderr)


if __name__ == "__main__":
    main()
