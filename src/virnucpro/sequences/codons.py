"""The codon at every position of a sequence, on both strands.

A base is a code from 0 to 4: A, C, G, T, anything else. A codon is a number from 0 to 124, 25 a + 5 b + c. It
encodes an amino acid or stop on the given strand, and another one on the reverse strand.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.genetic_codes import STOP, UNKNOWN, amino_acids
from virnucpro.sequences.nucleotides import AMBIGUOUS

__all__ = [
    "BASES",
    "BLOCK",
    "CLS",
    "EOS",
    "FORWARD_STOPS",
    "FROM_TOKEN",
    "OTHER_BASES",
    "REVERSE_STOPS",
    "find_stops",
    "number_codons",
    "to_tokens",
]

CLS, EOS = 0, 2
FROM_TOKEN = b"    LAGVSERTIDPKQNFYMHWCX".ljust(256)
"""Letter of each ESM-2 token that a translation can give, for ``bytes.translate``."""

BASES, OTHER_BASES = bytes([0, 1, 2, 3]).ljust(256, b"\4"), bytes([3, 2, 1, 0]).ljust(256, b"\4")
"""The base of each code, and its complement, for ``bytes.translate``."""

FORWARD_STOPS, REVERSE_STOPS = 0b000111, 0b111000
"""One bit per phase; the phase is the position of a codon modulo 3."""

BLOCK = 3 << 14
"""Letters that are processed at a time, so that they stay in the processor's cache."""

_PHASES = np.frombuffer(bytes([0b001001, 0b010010, 0b100100]) * (BLOCK // 3), np.uint8)
_BASES = "ACGTN"
_FIVE = np.uint8(5)
_NO_CODON = 124


def number_codons(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Number the codon that starts at each letter; ambiguous at the last two letters."""
    # most sequences contain only bases, and checking that is ten times as fast as np.minimum
    bases = np.minimum(codes, np.uint8(AMBIGUOUS)) if codes.max(initial=0) > AMBIGUOUS else codes
    numbers = np.full(len(codes), _NO_CODON, np.uint8)
    for first in range(0, len(codes) - 2, BLOCK):
        block = bases[first : first + BLOCK + 2]
        codons = np.multiply(block[:-2], _FIVE, out=numbers[first : first + len(block) - 2])
        codons += block[1:-1]
        codons *= _FIVE
        codons += block[2:]
    return numbers


def find_stops(codons: NDArray[np.uint8], translation_table: int) -> NDArray[np.uint8]:
    """Mark stop codons: each codon has one bit of `FORWARD_STOPS` and one of `REVERSE_STOPS`, by its phase."""
    table, stops = _to_stops(translation_table), np.empty_like(codons)
    for first in range(0, len(codons), BLOCK):
        found = np.frombuffer(codons[first : first + BLOCK].tobytes().translate(table), np.uint8)
        np.bitwise_and(found, _PHASES[: len(found)], out=stops[first : first + BLOCK])
    return stops


@cache
def _to_stops(translation_table: int) -> bytes:
    residues = zip(*_residues(translation_table), strict=True)
    stops = ((forward == STOP) * FORWARD_STOPS + (reverse == STOP) * REVERSE_STOPS for forward, reverse in residues)
    return bytes(stops).ljust(256, b"\0")


@cache
def to_tokens(translation_table: int) -> tuple[bytes, bytes]:
    """ESM-2 token of each codon, on the given and on the reverse strand, for ``bytes.translate``."""
    forward, reverse = (
        bytes(FROM_TOKEN.index((UNKNOWN if letter == STOP else letter).encode()) for letter in letters).ljust(256)
        for letters in _residues(translation_table)
    )
    return forward, reverse


@cache
def _residues(translation_table: int) -> tuple[str, str]:
    """Amino acid of each of the 125 codons, on both strands."""
    letters = amino_acids(translation_table)
    codons = ["".join(codon) for codon in product(_BASES, repeat=3)]
    other = str.maketrans("ACGT", "TGCA")
    forward = "".join(letters.get(codon, UNKNOWN) for codon in codons)
    return forward, "".join(letters.get(codon[::-1].translate(other), UNKNOWN) for codon in codons)
