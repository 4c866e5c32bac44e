"""Windows and six frames beside a plain Python translation, in one run: ``python -m benchmarks.frames``.

Seeded random sequences of three kinds: genomes of uniform bases (hardly any frame of 500 bases is open), genomes of
sense codons (in every window at least one frame is open, so every window gives a row), and reads. The rival is written
the way VirNucPro works: one window at a time, a table of codons made for each, six frames of string slices, one lookup
per codon. It gets a smaller share, since its pace does not depend on the amount; on that share both give equal rows.
Pace is input bases per second of processor time of one thread, the median of alternating repetitions. "arrays" ends
with the table of slices, "rows made" has id, nucleotides and protein of every frame as Python strings. Reading is not
counted.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from virnucpro.records import Record
from virnucpro.sequences.frames import find_frames
from virnucpro.sequences.genetic_codes import GENETIC_CODES
from virnucpro.sequences.windows import plan_windows

CODONS = ["".join(codon) for codon in product("TCAG", repeat=3)]
AMINO_ACID = dict(zip(CODONS, GENETIC_CODES[1], strict=True))
COMPLEMENT = str.maketrans("ACGT", "TGCA")
Row = tuple[str, str, str]


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
        for number, (start, end) in enumerate(plan_windows(len(sequence), window_bp).tolist(), start=1):
            window, amino_acid = sequence[start:end], dict(zip(CODONS, GENETIC_CODES[1], strict=True))
            for sense, strand in (("F", window), ("R", window.translate(COMPLEMENT)[::-1])):
                for offset in range(3):
                    codons = (strand[i : i + 3] for i in range(offset, len(strand) - 2, 3))
                    protein = "".join(amino_acid.get(codon, "") for codon in codons)
                    if "*" not in protein:
                        id_ = f"{record.id}_chunk_{number}{sense}{offset + 1}"
                        found.append((id_, strand[offset : offset + 1 + 3 * len(protein)], protein))
    return found


def virnucpro_rows(records: list[Record], window_bp: int) -> list[Row]:
    """This package, strings included."""
    return [(frame.id, frame.nucleotides, frame.protein) for frame in find_frames(records, window_bp)]


def pace(work: Callable[[list[Record], int], object], records: list[Record], window_bp: int) -> float:
    """Million input bases per second of processor time."""
    started = time.process_time()
    work(records, window_bp)
    return sum(len(record.sequence) for record in records) / (time.process_time() - started) / 1e6


def measure(name: str, records: list[Record], share: list[Record], window_bp: int, repetitions: int) -> dict[str, Any]:
    """One row of the table."""
    assert virnucpro_rows(share, window_bp) == plain_rows(share, window_bp), f"{name}: rows differ"
    contestants = ((find_frames, records), (virnucpro_rows, records), (plain_rows, share))
    paces = [[pace(work, given, window_bp) for work, given in contestants] for _ in range(repetitions)]
    arrays, made, plain = (statistics.median(column) for column in zip(*paces, strict=True))
    table = find_frames(records, window_bp)
    return {
        "input": name, "window_bp": window_bp, "windows": len(table.windows), "rows": len(table), "arrays": arrays,
        "rows_made": made, "plain": plain, "complete": True,
    }  # fmt: skip


def rows(bases: int = 10_000_000, repetitions: int = 3, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Every kind of input; the rival gets a twentieth of it."""
    few = bases // 20
    sense = [codon for codon in CODONS if AMINO_ACID[codon] != "*"]
    for window_bp in (500, 300):
        for name, units in (("uniform genomes", list("ACGT")), ("coding genomes", sense)):
            large, small = genomes(bases, units, seed), genomes(few, units, seed + 1)
            yield measure(name, large, small, window_bp, repetitions)
    yield measure("reads of 150", reads(bases, seed), reads(few, seed + 1), 300, repetitions)


def main() -> None:
    """Print the table."""
    print(f"Python {platform.python_version()}, NumPy {np.__version__}; million bases/s of one core")
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
