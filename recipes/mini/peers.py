"""Other tools on the windows that `mini` is tested on.

``python -m recipes.mini.peers RUN FOLDER`` writes ``SIDE-BP.fa`` for each test side and length. Score
them with any tool, put a table ``SIDE-BP.NAME.tsv`` with the columns ``name`` and ``score`` beside each, and run the
command again: it prints the figures of every tool next to those of the network of RUN/split.pt.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.mini.__main__ import WINDOW_BP, evaluation_sets
from recipes.mini.data import load_records
from recipes.mini.report import score_records
from recipes.mini.scoring import COMPARISONS, auroc, chosen, recall_at
from recipes.mini.split import load_split
from recipes.mini.training import read_trained
from recipes.mini.windows import Evaluation

__all__ = ["main"]

COMPARED_BP = (300, 500, 1000, 3000)


def write_windows(found: Evaluation, path: Path) -> None:
    """Write the windows of genomes as FASTA."""
    letters = np.frombuffer(b"ACGTN", np.uint8)
    with path.open("w") as stream:
        for row in np.flatnonzero(~found.genes).tolist():
            stream.write(f">w{row}\n{letters[found.codes[row]].tobytes().decode()}\n")


def read_scores(path: Path, count: int) -> NDArray[np.float64]:
    """Scores of a tool by window; of those without one, the lowest."""
    scores = np.full(count, -np.inf)
    with path.open(newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["score"] not in ("NA", None, ""):
                scores[int(row["name"][1:])] = float(row["score"])
    return scores


def main(run: Path, folder: Path) -> None:
    """Write what is missing, and print what can be compared."""
    records = load_records(run, run / "cache")  # cached: nothing is read from the folder
    sets = evaluation_sets(records, load_split(records, run / "cache", 0), run / "cache")
    net = read_trained(run / "split.pt")
    folder.mkdir(parents=True, exist_ok=True)
    print("| side | compared | bp | tool | AUROC | recall at 1 % false positives |\n|---|---|---|---|---|---|")
    for (side, bp), found in sets.items():
        if not side.endswith("test") or bp not in COMPARED_BP:
            continue
        if not (source := folder / f"{side}-{bp}.fa").exists():
            write_windows(found, source)
        tools = {"mini": score_records(net, found, WINDOW_BP)}
        for table in sorted(folder.glob(f"{side}-{bp}.*.tsv")):
            tools[table.name.split(".")[1]] = read_scores(table, len(found.codes))
        for comparison in COMPARISONS:
            rows = chosen(found, comparison)
            for name, z in tools.items():
                one = z[rows[0]], z[rows[1]]
                figures = f"{auroc(*one):.3f} | {recall_at(*one, 0.01):.2f}"
                print(f"| {side} | {comparison} | {bp:,} | {name} | {figures} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
