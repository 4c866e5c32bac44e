"""Nucleotides in whichever format they come: FASTA, FASTQ, or the sequences of GenBank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from virnucpro.errors import InputError, shown
from virnucpro.sequences.formats import FASTA, FASTQ, GENBANK
from virnucpro.sequences.genbank import parse_genbank
from virnucpro.sequences.reading import Entry, SequenceFile

__all__ = ["NucleotideFile"]


class NucleotideFile(SequenceFile):
    """A FASTA, FASTQ or GenBank file, plain or compressed; every pass over it is digested."""

    KINDS = (FASTA, FASTQ, GENBANK)

    def _entries(self, kind: str, blocks: Iterator[bytes], lines: int) -> Iterable[Entry]:
        """Parse the records of a format."""
        return _of_genbank(blocks, self.label) if kind == GENBANK else super()._entries(kind, blocks, lines)


def _of_genbank(blocks: Iterable[bytes], label: str) -> Iterator[Entry]:
    """Give sequences under their accessions; a record that cannot be read is an error, as in FASTQ."""
    for record in parse_genbank(blocks, label):
        if record.problem:
            raise InputError(f"{label}, record {record.number} ({shown(record.id, 100)}): {record.problem}")
        yield Entry(record.id, record.sequence)
