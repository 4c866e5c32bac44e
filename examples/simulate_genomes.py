"""Simulate genomes that imitate named ones: `python examples/simulate_genomes.py FOLDER`.

Three things are real: how often one codon follows another, which codons begin and end genes, and the base composition.
They were counted in real genomes of viruses and cells; codon_pairs.json.gz lists the genomes and explains the counts.

The sequences are not real. Genes are drawn at random from those counts, so their proteins do not fold, have no homologs
and contain no motifs. Gene lengths, strands, order and spacers are invented. A classifier trained on these genomes
learns to tell a dozen patterns of codon usage apart; its scores of real sequences are meaningless. Every header says
`simulated`.
"""

import gzip
import json
import sys
from bisect import bisect
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COUNTS = Path(__file__).with_name("codon_pairs.json.gz")
SEED = 11
TRAINING_GENOMES, GENES = 5, 5
SHORTEST_BP, LONGEST_BP = 300, 5000
GENE_CODONS, SPACER_BP = (100, 600), (5, 120)
REVERSED_GENES = 0.15
PRIOR_PAIRS = 30
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True, slots=True)
class Genome:
    """A genome to imitate; all lists of numbers are cumulative probabilities, codons in the order of `codons`."""

    name: str
    kind: str  # viral or cellular
    codons: list[str]
    start: list[float]  # first codon of a gene
    stop: list[float]  # stop codon
    following: dict[str, list[float]]  # by codon: the codon that follows it; never a stop
    bases: list[float]  # A, C, G, T


def cumulative(weights: np.ndarray) -> list[float]:
    """Turn weights into cumulative probabilities for `bisect`."""
    sums = np.cumsum(weights)
    shares: list[float] = (sums / sums[-1]).tolist()
    return shares


def read_genomes(path: Path) -> list[Genome]:
    """Read the counts and smooth them.

    Small genomes contain few of the 3,721 pairs. PRIOR_PAIRS pairs are therefore added to each row, distributed by the
    genome's codon frequencies, as if the two codons were independent. A row of ten counted pairs then mostly follows
    the codon frequencies; a row of ten thousand stays close to its counts.
    """
    content, genomes = json.loads(gzip.decompress(path.read_bytes())), []
    codons, rows = content["codons"], content["rows"]
    is_stop = np.array([codon not in rows for codon in codons])
    for each in content["genomes"]:
        counts = np.array(each["pairs"], float)
        stops, sense = np.where(is_stop, counts, 0), np.where(is_stop, 0, counts)
        frequencies = sense.sum(axis=0) / sense.sum()
        smooth = sense + PRIOR_PAIRS * frequencies
        following = {codon: cumulative(row) for codon, row in zip(rows[1:], smooth[1:], strict=True)}
        start, stop, bases = cumulative(sense[0]), cumulative(stops.sum(axis=0)), cumulative(np.array(each["bases"]))
        genomes.append(Genome(each["name"], each["kind"], codons, start, stop, following, bases))
    return genomes


def gene(genome: Genome, generator: np.random.Generator) -> str:
    """Draw one codon after the other, then a stop codon."""
    first, *draws, last = generator.random(int(generator.integers(*GENE_CODONS, endpoint=True)))
    codon = genome.codons[bisect(genome.start, first)]
    chain = [codon]
    for draw in draws:
        codon = genome.codons[bisect(genome.following[codon], draw)]
        chain.append(codon)
    return "".join([*chain, genome.codons[bisect(genome.stop, last)]])


def sequence(genome: Genome, generator: np.random.Generator, genes: int) -> str:
    """Draw genes, most of them on the forward strand, each followed by a spacer."""
    parts = []
    for _ in range(genes):
        coding = gene(genome, generator)
        backwards = generator.random() < REVERSED_GENES
        parts.append(coding.translate(COMPLEMENT)[::-1] if backwards else coding)
        parts += ["ACGT"[bisect(genome.bases, draw)] for draw in generator.random(int(generator.integers(*SPACER_BP)))]
    return "".join(parts)


def contig(genome: Genome, generator: np.random.Generator, length: int) -> str:
    """Cut a segment out of a simulated genome; genes at its ends may be incomplete."""
    whole = sequence(genome, generator, 2 + 2 * length // (3 * GENE_CODONS[0]))
    start = int(generator.integers(len(whole) - length))
    return whole[start : start + length]


def write(path: Path, records: list[tuple[str, str]]) -> None:
    """Write FASTA."""
    path.write_text("".join(f">{name} simulated\n{bases}\n" for name, bases in records))


def main(folder: Path) -> None:
    """Write viral.fna and non_viral.fna for training, and mixed.fna to predict."""
    generator, genomes = np.random.default_rng(SEED), read_genomes(COUNTS)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, file in {"viral": "viral.fna", "cellular": "non_viral.fna"}.items():
        chosen = [(each, i) for each in genomes if each.kind == kind for i in range(1, TRAINING_GENOMES + 1)]
        write(folder / file, [(f"simulated_{each.name}_{i}", sequence(each, generator, GENES)) for each, i in chosen])
    lengths = generator.permutation(np.geomspace(SHORTEST_BP, LONGEST_BP, len(genomes)).astype(int))
    pairs = zip(genomes, lengths.tolist(), strict=True)
    mixed = [(f"simulated_{each.name}_contig", contig(each, generator, length)) for each, length in pairs]
    write(folder / "mixed.fna", [*mixed, ("only_N", "N" * 700), ("short_read", "ACGTA")])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
