"""Simulate two kinds of genome that differ in codon usage: `python examples/simulate_genomes.py FOLDER`.

Nothing here is real: proteins are drawn at random, "viral" genomes prefer codons that end in A or T, "host" genomes
those that end in C or G. A classifier learns the difference easily; what it says of real sequence means nothing.
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np

CODONS = ["".join(codon) for codon in product("ACGT", repeat=3) if "".join(codon) not in ("TAA", "TAG", "TGA")]
TRAINING_GENOMES, MIXED_CONTIGS = 12, 6


def genome(generator: np.random.Generator, preferred_ends: str, codons: int) -> str:
    """Draw codons, those with a preferred last base three times as often as the others."""
    weights = np.array([3.0 if codon[2] in preferred_ends else 1.0 for codon in CODONS])
    return "".join(generator.choice(CODONS, codons, p=weights / weights.sum()))


def write(path: Path, records: list[tuple[str, str]]) -> None:
    """Write FASTA."""
    path.write_text("".join(f">{name} simulated\n{sequence}\n" for name, sequence in records))


def main(folder: Path) -> None:
    """Write viral.fna and host.fna for training, and mixed.fna to predict."""
    generator = np.random.default_rng(11)
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {"viral": "AT", "host": "CG"}
    for kind, ends in kinds.items():
        genomes = [(f"simulated_{kind}_{i}", genome(generator, ends, 2000)) for i in range(1, TRAINING_GENOMES + 1)]
        write(folder / f"{kind}.fna", genomes)
    mixed = [
        (f"simulated_{kind}_contig_{i}", genome(generator, ends, int(generator.integers(150, 1500))))
        for i in range(1, MIXED_CONTIGS + 1)
        for kind, ends in kinds.items()
    ]
    write(folder / "mixed.fna", [*mixed, ("only_N", "N" * 700), ("short_read", "ACGTA")])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
