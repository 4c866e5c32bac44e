"""The codon at every position of a text of nucleotides, on both strands.

Every codon becomes a number, and the numbers are sorted by phase (position modulo 3): then every frame of every stretch
of the text is one contiguous slice of them, read backwards for the other strand, and is open if no stop of its strand
lies in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.genetic_codes import STOP

__all__ = ["Codons", "number_codons"]

_AMBIGUOUS_DIGIT = 4
_FIVE = np.uint8(5)
_TO_DIGIT = bytes(b"TCAG".find(code) if code in b"TCAG" else _AMBIGUOUS_DIGIT for code in range(256))


@dataclass(frozen=True, eq=False)
class Codons:
    """The codon at every position of a text of nucleotides."""

    nucleotides: bytes  # the text
    # (3, codons + 1) As `translation_table` numbers them: those at positions 0, 3, 6, ... of the text, at 1, 4, 7,
    # ..., and at 2, 5, 8, ...; behind the text, and in the last column, codons hold a letter that is ambiguous
    numbers: NDArray[np.uint8]
    to_amino_acid: bytes  # A `translation_table`

    @cached_property
    def tables(self) -> tuple[bytes, bytes]:
        """Amino acid of each number on the strand as given, and on the other one, which reads the codon backwards."""
        numbers = np.arange(125)
        a, b, c = (np.take([2, 3, 0, 1, 4], numbers // power % 5) for power in (25, 5, 1))  # T pairs with A, C with G
        turned = np.concatenate((25 * c + 5 * b + a, np.arange(125, 256)))
        return self.to_amino_acid, np.frombuffer(self.to_amino_acid, np.uint8)[turned].tobytes()

    def stops(self, reverse: bool) -> NDArray[np.bool_]:
        """Tell where stop codons are."""
        stops = np.zeros(self.numbers.shape, np.bool_)
        for stop in np.flatnonzero(np.frombuffer(self.tables[reverse], np.uint8) == ord(STOP)).tolist():
            stops |= self.numbers == stop
        return stops

    def without_stop(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which frames of some stretches are open."""
        is_open = np.ones((len(starts), 6), np.bool_)
        rows = np.arange(len(starts))
        for strand in range(2):
            stops = self.stops(bool(strand))
            for phase in range(3):
                offsets = (ends - phase) % 3 if strand else (phase - starts) % 3
                residues = np.maximum(ends - starts - offsets, 0) // 3
                firsts = np.where(strand, ends - offsets - 3 * residues, starts + offsets) // 3
                has_codon = np.flatnonzero(residues)
                bounds = np.stack((firsts, firsts + residues), axis=1)[has_codon].ravel()
                if len(bounds):
                    is_open[rows[has_codon], 3 * strand + offsets[has_codon]] = ~np.logical_or.reduceat(
                        stops[phase], bounds
                    )[::2]
        return is_open

    def protein(self, first: int, residues: int, reverse: bool) -> str:
        """Translate a stretch."""
        codon, phase = divmod(first, 3)
        numbers = self._phases[phase][codon : codon + residues]
        return (numbers[::-1] if reverse else numbers).translate(self.tables[reverse]).decode()

    @cached_property
    def _phases(self) -> list[bytes]:
        """The numbers once more: small slices of bytes are made quicker than those of arrays."""
        return [numbers.tobytes() for numbers in self.numbers]


def number_codons(nucleotides: bytes, to_amino_acid: bytes) -> Codons:
    """Number the codon at every position."""
    codons = -(-len(nucleotides) // 3) + 1
    digits = np.full((5, codons), _AMBIGUOUS_DIGIT, np.uint8)
    for phase in range(3):
        letters = nucleotides[phase::3].translate(_TO_DIGIT)
        digits[phase, : len(letters)] = np.frombuffer(letters, np.uint8)
    digits[3:, :-1] = digits[:2, 1:]
    numbers = digits[:3] * _FIVE
    numbers += digits[1:4]
    numbers *= _FIVE
    numbers += digits[2:]
    return Codons(nucleotides, numbers, to_amino_acid)
