"""Every file of some folders through `predict` with `mini`: ``python -m benchmarks.real_predictions FOLDER...``.

Prints a table by folder and by file: records, those with a score, windows with a score, bases, and the records that
each level calls; then every file that is refused. Checks that every record has its row, in order.
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
import tempfile
from collections import Counter
from pathlib import Path

from virnucpro.cli.main import run
from virnucpro.sequences.nucleotide_file import NucleotideFile
from virnucpro.writers.cells import cell

LEVELS = ("conservative", "default", "relaxed")
COLUMNS = ("files", "records", "scored", "windows", "bases", *LEVELS, *(f"{level}, bases" for level in LEVELS))


class RefusedError(Exception):
    """`predict` does not take a file; the message is what it said."""


def predict_alone(file: Path) -> Counter[str]:
    """Predict one file at every level and count."""
    counts: Counter[str] = Counter(files=1)
    with tempfile.TemporaryDirectory() as outdir:
        for level in LEVELS:  # from the second level on, only the tables are made
            rows = _calls(file, outdir, [] if level == "default" else [f"--{level}"])
            viral = [row for row in rows if row["call"] == "viral"]
            counts.update({level: len(viral), f"{level}, bases": sum(int(row["length"]) for row in viral)})
    assert [row["record"] for row in rows] == [cell(record.id) for record in NucleotideFile(file)], file
    scored = [row for row in rows if row["status"] == "scored"]
    counts.update(records=len(rows), scored=len(scored), windows=sum(int(row["n_scored"]) for row in rows))
    counts.update(bases=sum(int(row["length"]) for row in scored))
    return counts


def _calls(file: Path, outdir: str, options: list[str]) -> list[dict[str, str]]:
    talk = io.StringIO()
    with contextlib.redirect_stderr(talk):
        code = run(["predict", str(file), "-o", outdir, "--quiet", *options])
    if code == 3:
        said = next(line for line in talk.getvalue().splitlines() if line.startswith("error"))
        raise RefusedError(said.replace(str(file), file.name))
    assert code == 0, f"{file}: exit code {code}\n{talk.getvalue()}"
    with (Path(outdir) / "calls.tsv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))


def _line(name: str, counts: Counter[str]) -> str:
    return f"| {name} | " + " | ".join(f"{counts[column]:,}" for column in COLUMNS) + " |"


def main() -> None:
    """Print the table, folders behind their files."""
    refused = []
    print("| |", " | ".join(COLUMNS), "|\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for folder in map(Path, sys.argv[1:]):
        total: Counter[str] = Counter()
        for file in sorted(folder.iterdir()):
            try:
                counts = predict_alone(file)
            except RefusedError as error:
                refused.append(f"- {folder.name}/{file.name}: {error}")
            else:
                total.update(counts)
                print(_line(f"{folder.name}/{file.name}", counts), flush=True)
        print(_line(f"**{folder.name}**", total), flush=True)
    print("\n" + "\n".join(refused))


if __name__ == "__main__":
    main()
