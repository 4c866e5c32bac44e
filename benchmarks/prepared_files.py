"""Every GenBank file of some folders through `virnucpro prepare`: ``python -m benchmarks.prepared_files FOLDER...``.

Prints a table of what each file gave, for the docs. A traceback anywhere ends the run.
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
import tempfile
import time
from pathlib import Path

import virnucpro.verbs.prepare  # noqa: F401  so that no file's seconds hold the imports
from virnucpro.cli.main import run
from virnucpro.sequences.genbank import GENBANK_SUFFIXES

NUMBERS = ("length_bp", "n_cds", "n_translations", "n_windows", "n_frames_without_stop", "n_kept")


def prepare_alone(file: Path) -> tuple[int, list[dict[str, str]], float, str]:
    """Give exit code, the rows of the table, the seconds that it took, and what a refused file was told."""
    talk = io.StringIO()
    with tempfile.TemporaryDirectory() as outdir, contextlib.redirect_stderr(talk):
        started = time.perf_counter()
        code = run(["prepare", str(file), "-o", outdir, "--quiet"])
        seconds = time.perf_counter() - started
        tables = list(Path(outdir).glob("*_prepare.tsv"))
        if not tables:
            return code, [], seconds, talk.getvalue().strip().replace(str(file), file.name)
        with tables[0].open() as stream:
            return code, list(csv.DictReader(stream, delimiter="\t")), seconds, ""


def main() -> None:
    """Print the table."""
    print("| file | exit | records | used | " + " | ".join(NUMBERS) + " | seconds | other statuses |")
    print("|---" * (len(NUMBERS) + 6) + "|")
    for folder in map(Path, sys.argv[1:]):
        for file in sorted(path for path in folder.iterdir() if set(path.suffixes) & set(GENBANK_SUFFIXES)):
            code, rows, seconds, message = prepare_alone(file)
            sums = " | ".join(f"{sum(int(row[name]) for row in rows):,}" for name in NUMBERS)
            used = sum(row["status"] == "ok" for row in rows)
            others = message or "; ".join(sorted({row["status"] for row in rows} - {"ok"}))
            print(f"| {folder.name}/{file.name} | {code} | {len(rows)} | {used} | {sums} | {seconds:.2f} | {others} |")


if __name__ == "__main__":
    main()
