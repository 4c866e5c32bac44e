"""Nucleotides as codes, and the codon at every position of a text, on both strands.

A base is a code from 0 to 4: A, C, G, T, anything else. A codon is a number from 0 to 124, 25 a + 5 b + c, which means
one amino acid, or a stop, on the strand as given, and another one on the other strand.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.genetic_codes import STOP, UNKNOWN, amino_acids

__all__ = ["CLS", "COMPLEMENT", "EOS", "FROM_TOKEN", "code_bases", "find_stops", "number_codons", "to_tokens"]

CLS, EOS = 0, 2
FROM_TOKEN = b"    LAGVSERTIDPKQNFYMHWCX".ljust(256)
"""Letter of each of ESM-2's tokens, as far as a translation needs them, for ``bytes.translate``."""

COMPLEMENT = bytes([3, 2, 1, 0, 4]).ljust(256, b"\4")
"""The code of the base on the other strand, for ``bytes.translate``."""

_BASES = "ACGTN"
_FIVE = np.uint8(5)


def code_bases(text: bytes) -> NDArray[np.uint8]:
    """Codes of the letters A, C, G and T, by their bits in ASCII: 00, 01, 11 and 10 behind the last one."""
    codes: NDArray[np.uint8] = np.frombuffer(text, np.uint8) >> np.uint8(1) & np.uint8(3)
    codes ^= codes >> np.uint8(1)
    return codes


def number_codons(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Number the codon that begins at each of the codes but the last two."""
    numbers = codes[:-2] * _FIVE
    numbers += codes[1:-1]
    numbers *= _FIVE
    numbers += codes[2:]
    return numbers


def find_stops(codons: NDArray[np.uint8], translation_table: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which codons are stops, on the strand as given and on the other one."""
    forward, reverse = np.zeros((2, len(codons)), np.bool_)
    for number, residues in enumerate(zip(*_residues(translation_table), strict=True)):
        for is_stop, residue in zip((forward, reverse), residues, strict=True):
            if residue == STOP:
                np.logical_or(is_stop, codons == number, out=is_stop)
    return forward, reverse


@cache
def to_tokens(translation_table: int) -> tuple[bytes, bytes]:
    """ESM-2's token of each codon, on the strand as given and on the other one, for ``bytes.translate``."""
    forward, reverse = (
        bytes(FROM_TOKEN.index((UNKNOWN if letter == STOP else letter).encode()) for letter in letters).ljust(256)
        for letters in _residues(translation_table)
    )
    return forward, reverse


def _residues(translation_table: int) -> tuple[str, str]:
    """Amino acid of each of the 125 codons, on both strands."""
    letters = amino_acids(translation_table)
    codons = ["".join(codon) for codon in product(_BASES, repeat=3)]
    other = str.maketrans("ACGT", "TGCA")
    forward = "".join(letters.get(codon, UNKNOWN) for codon in codons)
    return forward, "".join(letters.get(codon[::-1].translate(other), UNKNOWN) for codon in codons)
