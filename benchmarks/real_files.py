"""Every file of some folders through `virnucpro embed --model mini`: ``python -m benchmarks.real_files FOLDER...``.

Prints a table of what each file gave, for the docs. A traceback anywhere ends the run.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from virnucpro.cli.main import run
from virnucpro.runs.manifests import receipt_path
from virnucpro.verbs.embed_plan import make_jobs


def embed_alone(file: Path, outdir: Path) -> tuple[int, dict[str, int], str]:
    """Give exit code, counts and the first line that says what was wrong."""
    talk, outdir = io.StringIO(), outdir / file.name  # x.fna and x.fna.gz would give one result
    with contextlib.redirect_stderr(talk):
        code = run(["embed", str(file), "-o", str(outdir), "--model", "mini", "--quiet"])
    lines = [line.replace(str(file), file.name) for line in talk.getvalue().splitlines()]
    receipt = receipt_path(make_jobs([file], outdir)[0].target)
    if not receipt.exists():
        return code, {}, lines[0]
    content = json.loads(receipt.read_text())
    counts = content["counts"] | {"replaced": sum(row[2] for row in content["details"]["replaced_residues"])}
    assert counts["read"] == counts["written"] + counts["failed"], f"counts of {file} do not add up: {counts}"
    return code, counts, lines[0].split(", see ")[0].removeprefix("warning: ") if lines else ""


def main() -> None:
    """Print the table."""
    columns = ("read", "written", "truncated", "failed", "residues", "replaced")
    print("| file | exit | " + " | ".join(columns) + " | message |")
    print("|---" * (len(columns) + 3) + "|")
    for folder in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as outdir:
            for file in sorted(folder.iterdir()):
                code, counts, message = embed_alone(file, Path(outdir))
                numbers = " | ".join(f"{counts[column]:,}" if counts else "" for column in columns)
                print(f"| {folder.name}/{file.name} | {code} | {numbers} | {message.replace('|', chr(92) + '|')} |")


if __name__ == "__main__":
    main()
