"""Count pairs of adjacent codons in the genes of named genomes; simulate_genomes.py reads the counts.

Give one argument per genome, KIND:NAME=FILE[,FILE...]. Files are GenBank or FASTA, plain or compressed:

    python examples/count_codon_pairs.py examples/codon_pairs.json.gz \
        viral:T4=phage_T4.gbff cellular:E_coli=MG1655.fna.gz cellular:S_pyogenes=M1_GAS.gb.gz

Genes are the annotated coding sequences of GenBank records, or open reading frames of FASTA records. The output holds
counts and accessions, but no sequence; its entry `about` explains the counts.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord
from xopen import xopen

from virnucpro.sequences.genbank import GENBANK_SUFFIXES

ABOUT = (
    "Counts of codons that follow each other in the genes of real genomes; no sequence. `pairs` of a genome has a row "
    "for each name in `rows` and a column for each in `codons`: row `start` counts first codons, the others what comes "
    "after their codon; the columns TAA, TAG and TGA thus count ends of genes. `bases` counts A, C, G and T of the "
    "whole records. `genes` says where genes come from. Annotated: whole coding sequences of GenBank records, of the "
    "standard or bacterial code, equal ones once. Open reading frames: ATG to stop, 150 codons or more, on both "
    "strands, longest first, passed over where a fifth of one is covered already; some may not be genes. "
    "Prophages within bacteria count as the bacteria."
)
CODONS = ["".join(bases) for bases in product("ACGT", repeat=3)]
STOPS = ("TAA", "TAG", "TGA")
ROWS = ["start", *(codon for codon in CODONS if codon not in STOPS)]
CODES = ("1", "11")
SHORTEST_CODONS, MOST_COVERED = 150, 0.2


def annotated_genes(record: SeqRecord) -> Iterator[str]:
    """Yield the coding sequences of a GenBank record, without partial ones, pseudogenes and other genetic codes."""
    for feature in record.features:
        partial = any(mark in str(feature.location) for mark in "<>")
        code = feature.qualifiers.get("transl_table", CODES)[0]
        if (
            feature.type == "CDS"
            and not partial
            and code in CODES
            and not {"pseudo", "pseudogene"} & {*feature.qualifiers}
        ):
            yield str(feature.extract(record.seq)).upper()


def open_reading_frames(sequence: Seq) -> Iterator[str]:
    """Yield long open reading frames of both strands, longest first; they hardly overlap."""
    length, found = len(sequence), []
    strands = [sequence.upper(), sequence.upper().reverse_complement()]
    for strand, frame in product((0, 1), range(3)):
        position = frame
        bases = strands[strand][frame : length - (length - frame) % 3]
        for protein in str(bases.translate(table=11)).split("*")[:-1]:
            start, end = position + 3 * protein.find("M"), position + 3 * (len(protein) + 1)
            if "M" in protein and "X" not in protein and end - start > 3 * SHORTEST_CODONS:
                found.append((end - start, strand, start, end))
            position = end
    covered = np.zeros(length, bool)
    for _, strand, start, end in sorted(found, reverse=True):
        place = slice(start, end) if strand == 0 else slice(length - end, length - start)
        if covered[place].mean() < MOST_COVERED:
            covered[place] = True
            yield str(strands[strand][start:end])


def codons_of(gene: str) -> list[str]:
    """Split a gene into codons; empty unless it has one stop codon, at its end."""
    codons = [gene[i : i + 3] for i in range(0, len(gene), 3)]
    whole = len(codons) > 2 and codons[-1] in STOPS and set(codons[:-1]) <= {*ROWS}
    return codons if whole else []


def count(kind: str, name: str, paths: list[Path]) -> dict[str, object]:
    """Count codon pairs and bases in the files of one genome."""
    genes: set[str] = set()
    records, bases = [], [0, 0, 0, 0]
    for path in paths:
        annotated = any(suffix in GENBANK_SUFFIXES for suffix in path.suffixes)
        with xopen(path, "rt", threads=0) as stream:
            for record in SeqIO.parse(stream, "genbank" if annotated else "fasta"):
                records.append(record.id)
                bases = [total + record.seq.upper().count(base) for total, base in zip(bases, "ACGT", strict=True)]
                genes.update(annotated_genes(record) if annotated else open_reading_frames(record.seq))
    chains = [codons for gene in genes if (codons := codons_of(gene))]
    pairs = np.zeros((len(ROWS), len(CODONS)), int)
    row_of, column_of = {row: i for i, row in enumerate(ROWS)}, {codon: i for i, codon in enumerate(CODONS)}
    for codons in chains:
        for codon, following in pairwise(["start", *codons]):
            pairs[row_of[codon], column_of[following]] += 1
    source = f"{len(chains)} {'annotated' if annotated else 'open reading frames'}"
    print(
        f"{kind} {name}: {len(records)} records, {sum(bases):,} bases, {source}, {pairs.sum():,} pairs", file=sys.stderr
    )
    return {"name": name, "kind": kind, "records": records, "genes": source, "bases": bases, "pairs": pairs.tolist()}


def main(out: Path, genomes: list[str]) -> None:
    """Count every genome and write one file."""
    counted = []
    for genome in genomes:
        label, _, paths = genome.partition("=")
        kind, _, name = label.partition(":")
        counted.append(count(kind, name, [Path(path) for path in paths.split(",")]))
    text = json.dumps({"about": ABOUT, "rows": ROWS, "codons": CODONS, "genomes": counted}, separators=(",", ":"))
    out.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
