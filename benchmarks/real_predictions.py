"""Every file of some folders through `predict`: ``python -m benchmarks.real_predictions FOLDER...``.

Prints a table of counts by folder, for the docs, and one line for every file that is refused. Checks that every record
has its row, in order. A traceback anywhere ends the run.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from virnucpro.cli.main import run
from virnucpro.sequences.fasta import read_records

OUTCOMES = ("frames", "no_open_frame", "too_short", "ambiguous")


def predict_alone(file: Path, outdir: Path, counts: Counter[str]) -> str:
    """Predict one file; add its counts, or give what was wrong with it."""
    talk = io.StringIO()
    with contextlib.redirect_stderr(talk):
        code = run(["predict", str(file), "-o", str(outdir), "--quiet", "--track-pages", "1"])
    if code == 3:
        counts["refused"] += 1
        return next(line for line in talk.getvalue().splitlines() if line.startswith("error")).replace(
            str(file), file.name
        )
    assert code == 0, f"{file}: exit code {code}\n{talk.getvalue()}"
    names = [line.split("\t")[0] for line in (outdir / "calls.tsv").read_text("utf-8").splitlines()[1:]]
    assert names == [record.id for record in read_records(file)], f"{file}: rows are not its records"
    content = json.loads((outdir / "run.json").read_text())["counts"]
    counts.update({"files": 1, "records": content["records"]})
    counts.update(content["windows"])
    counts.update({f"record {status}": number for status, number in content["statuses"].items()})
    return ""


def main() -> None:
    """Print the table, folder by folder, then the files that were refused."""
    print(
        "| folder | files | refused | records | records scored | windows | "
        + " | ".join(OUTCOMES)
        + " | no open frame |"
    )
    print("|---" * (len(OUTCOMES) + 7) + "|")
    refused = []
    for folder in map(Path, sys.argv[1:]):
        counts: Counter[str] = Counter()
        for file in sorted(folder.iterdir()):
            with tempfile.TemporaryDirectory() as outdir:
                message = predict_alone(file, Path(outdir), counts)
            if message:
                refused.append(f"- {folder.name}/{file.name}: {message}")
        windows = sum(counts[outcome] for outcome in OUTCOMES)
        outcomes = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
        share = f"{counts['no_open_frame'] / windows:.1%}" if windows else ""
        print(
            f"| {folder.name} | {counts['files']} | {counts['refused']} | {counts['records']:,} | "
            f"{counts['record scored']:,} | {windows:,} | {outcomes} | {share} |",
            flush=True,
        )
    print("\n".join(["", *refused]))


if __name__ == "__main__":
    main()
