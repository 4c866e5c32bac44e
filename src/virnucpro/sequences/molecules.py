"""Whether sequences look like proteins or like DNA, to warn whoever gave them to the wrong command."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from virnucpro.records import Molecule, Record

__all__ = ["looks_like", "sample_molecule"]

FEWEST_LETTERS = 60
"""With fewer, nothing can be told."""
SAMPLED_RECORDS, SAMPLED_LETTERS = 100, 1000

_NOT_LETTERS = b" \t\r\n\v\f-.*"
_NUCLEOTIDES, _AMBIGUITY, _MASK = b"ACGTU", b"RYSWKMBDHV", b"N"
_NEVER_IN_DNA = b"EFILPQ"
"""Amino acids that no IUPAC code of nucleotides is written with: a third of the residues of proteins."""


def looks_like(letters: str | bytes) -> Molecule | None:
    """Tell what a sequence is made of by its letters; None when they do not tell.

    Examples
    --------
    >>> looks_like("ACGTN" * 20)
    <Molecule.DNA: 'dna'>
    """
    codes = letters if isinstance(letters, bytes) else letters.encode("ascii", "replace")
    codes = codes.upper().translate(None, _NOT_LETTERS)
    known = codes.translate(None, _MASK + b"X")
    if len(known) < FEWEST_LETTERS:
        return None
    ambiguous, others = known.translate(None, _NUCLEOTIDES), known.translate(None, _NUCLEOTIDES + _AMBIGUITY)
    if len(ambiguous) <= 0.5 * len(known) and len(others) <= 0.05 * len(known):
        return Molecule.DNA
    if sum(map(known.count, _NEVER_IN_DNA)) >= 0.2 * len(known):
        return Molecule.PROTEIN
    return None


def sample_molecule(records: Iterable[Record]) -> Molecule | None:
    """Tell what a file holds by the beginnings of its first records, taken together: reads are short."""
    return looks_like("".join(record.sequence[:SAMPLED_LETTERS] for record in islice(records, SAMPLED_RECORDS)))
