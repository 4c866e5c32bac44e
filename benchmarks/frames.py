"""Windows, ORFs and protein tokens beside a plain Python translation, in one run: ``python -m benchmarks.frames``.

Seeded random sequences of three kinds: genomes of uniform bases (hardly any frame of 500 bases is open), genomes of
sense codons (in every window at least one frame is open, so every window gives a row), and reads. Both begin with
records as they were read and end with ESM-2 tokens of every open frame, ready for the encoder. The rival is written
the way the original works: one window at a time, a table of codons made for each, six frames of string slices, one
lookup per codon, one per residue. It gets a smaller share, since its pace does not depend on the amount; on that share
both give the same rows: ids, nucleotides and tokens. This package works in parts, as its commands do. Pace is input
bases per second of processor time of one thread, the median of alternating repetitions; the last column adds what only
a person or a byte-pair tokenizer needs, ids and nucleotides as strings. Reading is not counted.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np

from virnucpro.models.tokens import VOCABULARY
from virnucpro.records import Record
from virnucpro.sequences.genetic_codes import amino_acids
from virnucpro.sequences.nucleotides import clean_sequences
from virnucpro.sequences.orfs import Rows, find_rows
from virnucpro.sequences.row_ids import row_ids
from virnucpro.sequences.windows import Windows, cut_windows, plan_windows

CODONS = ["".join(codon) for codon in product("TCAG", repeat=3)]
AMINO_ACIDS = [amino_acids(1)[codon] for codon in CODONS]
COMPLEMENT = str.maketrans("ACGT", "TGCA")
TOKEN = {token: number for number, token in enumerate(VOCABULARY)}
PART_BASES, PART_WINDOWS = 1_000_000, 10_000
Row = tuple[str, str, list[int]]


def genomes(bases: int, units: list[str], seed: int) -> list[Record]:
    """Four genomes of random bases or codons."""
    generator = np.random.default_rng(seed)
    count = bases // 4 // len(units[0])
    texts = ["".join(generator.choice(units, count)) for _ in range(4)]
    return [Record(number, f"genome{number}", text) for number, text in enumerate(texts, start=1)]


def reads(bases: int, seed: int, length_bp: int = 150) -> list[Record]:
    """Many short records of random bases."""
    text = "".join(np.random.default_rng(seed).choice(list("ACGT"), bases))
    starts = range(0, bases - length_bp + 1, length_bp)
    return [Record(n, f"read{n}", text[start : start + length_bp]) for n, start in enumerate(starts, start=1)]


def plain_rows(records: list[Record], window_bp: int) -> list[Row]:
    """The rival."""
    found = []
    for record in records:
        sequence = record.sequence.upper()
        windows = plan_windows([len(sequence)], window_bp)
        for number, (start, end) in enumerate(zip(windows.starts.tolist(), windows.ends.tolist(), strict=True), 1):
            window, amino_acid = sequence[start:end], dict(zip(CODONS, AMINO_ACIDS, strict=True))
            for sense, strand in (("F", window), ("R", window.translate(COMPLEMENT)[::-1])):
                for offset in range(3):
                    codons = (strand[i : i + 3] for i in range(offset, len(strand) - 2, 3))
                    protein = "".join(amino_acid.get(codon, "") for codon in codons)
                    if "*" not in protein:
                        tokens = [TOKEN["<cls>"], *(TOKEN[residue] for residue in protein), TOKEN["<eos>"]]
                        id_ = f"{record.id}_chunk_{number}{sense}{offset + 1}"
                        found.append((id_, strand[offset : offset + 1 + 3 * len(protein)], tokens))
    return found


def found_rows(records: list[Record], window_bp: int) -> Iterator[tuple[list[Record], Windows, Rows]]:
    """This package, before tokens."""
    records_together = max(PART_BASES // len(records[0].sequence), 1)
    for part in (records[n : n + records_together] for n in range(0, len(records), records_together)):
        letters = clean_sequences(list(map(attrgetter("sequence"), part)))
        windows = plan_windows(letters.lengths, window_bp)
        for first in range(0, len(windows), PART_WINDOWS):
            own = windows[first : first + PART_WINDOWS]
            yield part, own, find_rows(cut_windows(letters, own), "open")


def virnucpro_tokens(records: list[Record], window_bp: int) -> int:
    """This package, up to tokens; how many."""
    return sum(len(rows.protein_tokens().values) for _, _, rows in found_rows(records, window_bp))


def virnucpro_rows(records: list[Record], window_bp: int) -> list[Row]:
    """This package, tokens and strings."""
    found: list[Row] = []
    for part, windows, rows in found_rows(records, window_bp):
        ids, tokens = row_ids([record.id for record in part], windows, rows), rows.protein_tokens()
        found += zip(ids, rows.nucleotides(), tokens, strict=True)
    return found


def pace(work: Callable[[list[Record], int], object], records: list[Record], window_bp: int) -> float:
    """Million input bases per second of processor time."""
    started = time.process_time()
    work(records, window_bp)
    return sum(len(record.sequence) for record in records) / (time.process_time() - started) / 1e6


def measure(name: str, records: list[Record], share: list[Record], window_bp: int, repetitions: int) -> dict[str, Any]:
    """One row of the table."""
    own = [(id_, nucleotides, tokens.tolist()) for id_, nucleotides, tokens in virnucpro_rows(share, window_bp)]
    assert own == plain_rows(share, window_bp), f"{name}: rows differ"
    contestants = ((virnucpro_tokens, records), (virnucpro_rows, records), (plain_rows, share))
    paces = [[pace(work, given, window_bp) for work, given in contestants] for _ in range(repetitions)]
    tokens, strings, plain = map(list, zip(*paces, strict=True))
    found = [(len(windows), len(rows)) for _, windows, rows in found_rows(records, window_bp)]
    windows, rows = (sum(column) for column in zip(*found, strict=True))
    return {
        "input": name, "window_bp": window_bp, "windows": windows, "rows": rows, "tokens": tokens, "strings": strings,
        "plain": plain, "complete": True,
    }  # fmt: skip


def rows(repetitions: int = 5, bases: int = 10_000_000, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Every kind of input; the rival gets a twentieth of it."""
    few = bases // 20
    sense = [codon for codon, residue in zip(CODONS, AMINO_ACIDS, strict=True) if residue != "*"]
    for window_bp in (500, 300):
        for name, units in (("uniform genomes", list("ACGT")), ("coding genomes", sense)):
            large, small = genomes(bases, units, seed), genomes(few, units, seed + 1)
            yield measure(name, large, small, window_bp, repetitions)
    yield measure("reads of 150", reads(bases, seed), reads(few, seed + 1), 300, repetitions)


def main() -> None:
    """Print the table."""
    print(f"Python {platform.python_version()}, NumPy {np.__version__}; million bases/s of one core")
    for row in rows():
        tokens, strings, plain = (statistics.median(row[what]) for what in ("tokens", "strings", "plain"))
        print(
            f"{row['input']:<16}{row['window_bp']:>4} bp {row['windows']:>7,} windows {row['rows']:>7,} rows: "
            f"tokens {tokens:.0f}, the original's way {plain:.2f}: {tokens / plain:.0f} times; "
            f"with strings {strings:.0f}"
        )


if __name__ == "__main__":
    main()
