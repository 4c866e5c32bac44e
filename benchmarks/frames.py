"""Windows and six frames beside a plain Python translation, in one run: ``python -m benchmarks.frames``.

Seeded random sequences of three kinds: genomes of uniform bases (hardly any frame of 500 bases is open), genomes of
sense codons (in every window at least one frame is open, so every window gives a row), and reads. The rival is written
the way VirNucPro is, and as fast as that allows: one window at a time, six frames of string slices, one dict lookup per
codon. It gets a smaller share, since its pace does not depend on the amount; on that share both must give equal rows.
Pace is input bases per second of processor time of one thread, the median of alternating repetitions. "arrays" ends
with the table of slices, "rows made" has id, nucleotides and protein of every frame as Python strings. Reading is not
counted.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import time
from collections.abc import Callable
from itertools import product

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
    rows = []
    for record in records:
        sequence = record.sequence.upper()
        for number, (start, end) in enumerate(plan_windows(len(sequence), window_bp).tolist(), start=1):
            window = sequence[start:end]
            for sense, strand in (("F", window), ("R", window.translate(COMPLEMENT)[::-1])):
                for offset in range(3):
                    codons = [strand[i : i + 3] for i in range(offset, len(strand) - 2, 3)]
                    protein = "".join([AMINO_ACID.get(codon, "") for codon in codons])
                    if "*" not in protein:
                        id_ = f"{record.id}_chunk_{number}{sense}{offset + 1}"
                        rows.append((id_, strand[offset : offset + 1 + 3 * len(protein)], protein))
    return rows


def virnucpro_rows(records: list[Record], window_bp: int) -> list[Row]:
    """This package, strings included."""
    return [(frame.id, frame.nucleotides, frame.protein) for frame in find_frames(records, window_bp)]


def pace(work: Callable[[list[Record], int], object], records: list[Record], window_bp: int) -> float:
    """Million input bases per second of processor time."""
    started = time.process_time()
    work(records, window_bp)
    return sum(len(record.sequence) for record in records) / (time.process_time() - started) / 1e6


def measure(name: str, records: list[Record], share: list[Record], window_bp: int, repetitions: int) -> None:
    """Print one line of the table."""
    assert virnucpro_rows(share, window_bp) == plain_rows(share, window_bp), f"{name}: rows differ"
    contestants = ((find_frames, records), (virnucpro_rows, records), (plain_rows, share))
    paces = [[pace(work, given, window_bp) for work, given in contestants] for _ in range(repetitions)]
    arrays, rows, plain = (statistics.median(column) for column in zip(*paces, strict=True))
    table = find_frames(records, window_bp)
    print(
        f"| {name} | {window_bp} | {len(table.windows):,} | {len(table):,} | {arrays:.1f} | {rows:.1f} "
        f"| {plain:.2f} | {rows / plain:.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bases", type=int, default=10_000_000, help="bases of each kind; the rival gets a twentieth")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    bases, few, seed = options.bases, options.bases // 20, options.seed
    sense = [codon for codon in CODONS if AMINO_ACID[codon] != "*"]

    print(f"Python {platform.python_version()}, NumPy {np.__version__}; million bases/s of one core")
    print("| input | window | windows | rows | arrays | rows made | plain Python | ratio |")
    print("|---" * 8 + "|")
    for window_bp in (500, 300):
        for name, units in (("uniform genomes", list("ACGT")), ("coding genomes", sense)):
            large, small = genomes(bases, units, seed), genomes(few, units, seed + 1)
            measure(name, large, small, window_bp, options.repetitions)
    measure("reads of 150", reads(bases, seed), reads(few, seed + 1), 300, options.repetitions)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
