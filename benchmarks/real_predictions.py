"""Every file of some folders through `predict` with `mini`: ``python -m benchmarks.real_predictions FOLDER...``.

Prints, for the docs: a table of counts by folder; what each level calls, by file; every file that is refused. Checks
that every record has its row, in order. A traceback anywhere ends the run.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from virnucpro.cli.main import run
from virnucpro.sequences.reading import SequenceFile

OUTCOMES = ("frames", "no_open_frame", "too_short", "ambiguous")
LEVELS = {"conservative": ["--conservative"], "default": [], "relaxed": ["--relaxed"]}


class RefusedError(Exception):
    """`predict` does not take a file; the message is what it said."""


def predict_alone(file: Path) -> Counter[str]:
    """Predict one file at every level and count."""
    counts: Counter[str] = Counter(files=1)
    with tempfile.TemporaryDirectory() as outdir:
        for level, options in LEVELS.items():
            _predict(file, outdir, options)  # from the second level on, only the tables are made
            calls, windows = (
                _rows(Path(outdir) / name) for name in ("calls.tsv", "prediction_results_highestscore.csv")
            )
            counts[f"records {level}"] += sum(row["call"] == "virus" for row in calls)
            counts[f"windows {level}"] += sum(row["Is_Virus"] == "True" for row in windows)
        assert [row["name"] for row in calls] == [record.id for record in SequenceFile(file)], file
        content = json.loads((Path(outdir) / "run.json").read_text())["counts"]
    counts.update({"records": content["records"], "scored": content["statuses"].get("scored", 0)})
    counts.update(content["windows"])
    return counts


def _predict(file: Path, outdir: str, options: list[str]) -> None:
    talk = io.StringIO()
    with contextlib.redirect_stderr(talk):
        code = run(["predict", str(file), "-o", outdir, "--quiet", "--track-pages", "0", *options])
    if code == 3:
        said = next(line for line in talk.getvalue().splitlines() if line.startswith("error"))
        raise RefusedError(said.replace(str(file), file.name))
    assert code == 0, f"{file}: exit code {code}\n{talk.getvalue()}"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _with_scores(counts: Counter[str]) -> int:
    """Windows that have a score: every one that is neither too short nor mostly unknown."""
    return counts["frames"] + counts["no_open_frame"]


def _cells(counts: Counter[str]) -> list[str]:
    """Records, those with a score, windows with one; and of each level, records called and the share of windows."""
    scored = _with_scores(counts)
    cells = [f"{counts['records']:,}", f"{counts['scored']:,}", f"{scored:,}"]
    for level in LEVELS:
        cells += [f"{counts[f'records {level}']:,}", f"{counts[f'windows {level}'] / max(scored, 1):.1%}"]
    return cells


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def main() -> None:
    """Print the tables."""
    refused, files, folders = [], [], []
    for folder in map(Path, sys.argv[1:]):
        total: Counter[str] = Counter()
        for file in sorted(folder.iterdir()):
            try:
                counts = predict_alone(file)
            except RefusedError as error:
                refused.append(f"- {folder.name}/{file.name}: {error}")
            else:
                total.update(counts)
                files.append([f"{folder.name}/{file.name}", *_cells(counts)])
        outcomes = [f"{total[outcome]:,}" for outcome in OUTCOMES]
        folders.append([folder.name, str(total["files"]), *outcomes, *_cells(total)])
        print(folder.name, file=sys.stderr)
    head = ["records", "with a score", "windows with one"]
    head += [word for level in LEVELS for word in (f"{level}: records", "windows")]
    print(_table(["folder", "files", *OUTCOMES, *head], folders))
    print(f"\n{_table(['file', *head], files)}\n")
    print("\n".join(refused))


if __name__ == "__main__":
    main()
