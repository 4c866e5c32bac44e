"""Tell proteins from DNA, to warn users who gave them to the wrong command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from virnucpro.records import Molecule, Record

__all__ = ["is_unmistakable", "looks_like", "sample_molecule"]

FEWEST_LETTERS = 60
"""Fewer letters are never taken for DNA: a short peptide may consist of A, C, G and T."""
FEWEST_IMPOSSIBLE = 3
"""So many amino acids that DNA does not have tell a protein, however short."""
SAMPLED_RECORDS, SAMPLED_LETTERS = 100, 1000

_NOT_LETTERS = b" \t\r\n\v\f-.*"
_NUCLEOTIDES, _AMBIGUITY, _MASK = b"ACGTU", b"RYSWKMBDHV", b"N"
_NEVER_IN_DNA = b"EFILPQ"
"""Amino acids that are no IUPAC nucleotide codes: a third of the residues of proteins."""


def looks_like(letters: str | bytes) -> Molecule | None:
    """Tell DNA from protein by the letters; None if uncertain.

    Examples
    --------
    >>> looks_like("ACGTN" * 20)
    <Molecule.DNA: 'dna'>
    """
    codes = letters if isinstance(letters, bytes) else letters.encode("ascii", "replace")
    codes = codes.upper().translate(None, _NOT_LETTERS)
    known = codes.translate(None, _MASK + b"X")
    if sum(map(known.count, _NEVER_IN_DNA)) >= max(FEWEST_IMPOSSIBLE, 0.2 * len(known)):
        return Molecule.PROTEIN
    if len(known) < FEWEST_LETTERS:
        return None
    ambiguous, others = known.translate(None, _NUCLEOTIDES), known.translate(None, _NUCLEOTIDES + _AMBIGUITY)
    if len(ambiguous) <= 0.5 * len(known) and len(others) <= 0.05 * len(known):
        return Molecule.DNA
    return None


def sample_molecule(records: Iterable[Record]) -> Molecule | None:
    """Tell DNA from protein by the beginnings of the first records together, because reads are short."""
    return looks_like("".join(_beginnings(records)))


def is_unmistakable(records: Sequence[Record], molecule: Molecule) -> bool:
    """Whether a sample is certainly of a kind: no record looks different, and DNA has little but its four bases.

    Peptides of few different residues, such as A, C, G and T, could be taken for DNA.
    """
    beginnings = _beginnings(records)
    if any(looks_like(one) not in (None, molecule) for one in beginnings):
        return False
    if molecule is Molecule.PROTEIN:
        return True
    codes = "".join(beginnings).encode("ascii", "replace").upper().replace(b"U", b"T").translate(None, _NOT_LETTERS)
    counts = [codes.count(base) for base in b"ACGT"]
    return sum(counts) + codes.count(b"N") >= 0.98 * len(codes) and min(counts) >= 0.02 * sum(counts)


def _beginnings(records: Iterable[Record]) -> list[str]:
    return [record.sequence[:SAMPLED_LETTERS] for record in islice(records, SAMPLED_RECORDS)]
