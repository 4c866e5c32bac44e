"""What `mini` calls by kind of sequence: ``python -m benchmarks.annotated_genomes FILE...``, annotated GenBank files.

Windows lie wholly between genes, in genes, in ribosomal operons (rRNA, ribosomal proteins, RNA polymerase, elongation
factors), or in genes whose product names a phage; for each kind and length it prints how many there are, and the share
that each level calls viral.
"""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from Bio import SeqIO
from Bio.SeqRecord import SeqRecord
from numpy.typing import NDArray
from xopen import xopen

from virnucpro.cli.main import run

LENGTHS_BP = (150, 300, 1000)
KINDS = ("intergenic", "coding", "ribosomal", "phage")
LEVELS = ("conservative", "default", "relaxed")
WHOLLY = {"intergenic": 1.0, "coding": 1.0, "ribosomal": 0.8, "phage": 0.8}
"""Share of a window that has to be of its kind; the third and fourth have gaps between genes."""
RIBOSOMAL = re.compile(r"ribosomal protein|RNA polymerase.*(beta|alpha)|elongation factor (Tu|G)\b", re.IGNORECASE)
PHAGE = re.compile(r"\bphage\b|prophage|bacteriophage", re.IGNORECASE)


def kinds_of(record: SeqRecord) -> dict[str, NDArray[np.bool_]]:
    """Which bases are of each kind."""
    found = {kind: np.zeros(len(record), bool) for kind in KINDS}
    named = np.zeros(len(record), bool)
    for feature in record.features:
        if feature.type not in ("CDS", "tRNA", "rRNA", "ncRNA", "gene", "misc_RNA"):
            continue
        told = " ".join(feature.qualifiers.get("product", []) + feature.qualifiers.get("note", []))
        for part in feature.location.parts:
            bases = slice(int(part.start), int(part.end))
            named[bases] = True
            found["ribosomal"][bases] |= feature.type == "rRNA" or bool(RIBOSOMAL.search(told))
            found["phage"][bases] |= bool(PHAGE.search(told))
            found["coding"][bases] |= feature.type == "CDS"
    found["intergenic"] = ~named
    found["coding"] &= ~found["ribosomal"] & ~found["phage"]
    return found


def windows(record: SeqRecord, length: int) -> Iterator[tuple[str, str]]:
    """Kind and letters of windows that lie side by side, each as early as its kind allows."""
    letters = str(record.seq)
    for kind, bases in kinds_of(record).items():
        before = np.concatenate(([0], np.cumsum(bases)))
        start = 0
        while start + length <= len(letters):
            if before[start + length] - before[start] >= WHOLLY[kind] * length:
                yield kind, letters[start : start + length]
                start += length
            else:
                start += 50


def share_called(sequences: list[str], folder: Path, level: str) -> float:
    """Share of sequences that a level calls viral."""
    source = folder / "windows.fa"
    source.write_text("".join(f">w{number}\n{letters}\n" for number, letters in enumerate(sequences)))
    options = [] if level == "default" else [f"--{level}"]
    assert run(["predict", str(source), "-o", str(folder / "calls"), "-q", *options]) == 0
    with (folder / "calls" / "calls.tsv").open(newline="") as table:
        calls = [row["call"] for row in csv.DictReader(table, delimiter="\t")]
    return calls.count("viral") / len(calls)


def main() -> None:
    """Print a row for each file, kind and length."""
    print("| file | kind | bp | windows |", " | ".join(LEVELS), "|\n" + "|---" * 7 + "|")
    for path in map(Path, sys.argv[1:]):
        with xopen(path, "rt") as stream:
            records = list(SeqIO.parse(stream, "genbank"))
        for length in LENGTHS_BP:
            found = [window for record in records for window in windows(record, length)]
            for kind in KINDS:
                sequences = [letters for name, letters in found if name == kind]
                if sequences:
                    with tempfile.TemporaryDirectory() as folder:
                        shares = [share_called(sequences, Path(folder), level) for level in LEVELS]
                    cells = " | ".join(f"{share:.1%}" for share in shares)
                    print(f"| {path.name} | {kind} | {length:,} | {len(sequences):,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
