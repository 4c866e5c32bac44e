"""Clean nucleotide sequences before they are cut into windows or tokenised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.ragged import Ragged

__all__ = [
    "AMBIGUOUS",
    "COMPLEMENTS",
    "LETTERS",
    "CleanDna",
    "clean_dna",
    "clean_sequences",
    "reverse_complement",
    "to_letters",
]

LETTERS, COMPLEMENTS = b"ACGTRYSWKMBDHVN", b"TGCAYRSWMKVHDBN"
"""The letter of each code, and its complement."""

AMBIGUOUS = 4
"""Codes from this one on are not A, C, G or T."""

_WHITESPACE = b" \t\n\r\v\f"
_SPACE = len(LETTERS)
_TO_CODE = bytes(
    _SPACE if letter in _WHITESPACE else LETTERS.find(letter) % len(LETTERS)  # N is the last one
    for letter in bytes(range(256)).upper().replace(b"U", b"T")
)
_TO_UPPER_LETTER = bytes(code if chr(code).isalpha() and code < 128 else ord("N") for code in bytes(range(256)).upper())
_TO_COMPLEMENT = bytes.maketrans(LETTERS, COMPLEMENTS)


def clean_sequences(sequences: Sequence[str]) -> Ragged:
    """Convert raw sequences to codes (uint8), indices into `LETTERS`; drop whitespace. The result is read-only.

    Examples
    --------
    >>> codes = clean_sequences(["acg u", "RNN*"])
    >>> codes[0].tolist(), to_letters(codes[1])
    ([0, 1, 2, 3], b'RNNN')
    """
    codes = "".join(sequences).encode("ascii", "replace").translate(_TO_CODE)
    offsets = np.cumsum(np.fromiter(chain((0,), map(len, sequences)), np.int64, len(sequences) + 1))
    if _SPACE in codes:
        offsets -= np.searchsorted(np.flatnonzero(np.frombuffer(codes, np.uint8) == _SPACE), offsets)
        codes = codes.replace(bytes([_SPACE]), b"")
    return Ragged(np.frombuffer(codes, np.uint8), offsets)


def to_letters(codes: NDArray[np.uint8]) -> bytes:
    """Convert codes to letters."""
    return codes.tobytes().translate(LETTERS.ljust(256))


def reverse_complement(letters: bytes) -> bytes:
    """Reverse complement of a sequence.

    Examples
    --------
    >>> reverse_complement(b"AACRN")
    b'NYGTT'
    """
    return letters.translate(_TO_COMPLEMENT)[::-1]


@dataclass(frozen=True, slots=True)
class CleanDna:
    """A clean sequence."""

    letters: str  # upper-case A to Z
    unknown: int  # how many of them are not A, C, G or T
    truncated: bool = False  # whether letters were cut off; `unknown` does not count those


def clean_dna(sequence: str, max_letters: int | None = None) -> CleanDna:
    """Clean a raw nucleotide sequence.

    Examples
    --------
    >>> clean_dna("acg nU-[SEP]")
    CleanDna(letters='ACGNUNNSEPN', unknown=8, truncated=False)
    """
    whole = sequence.encode("ascii", "replace").translate(None, _WHITESPACE)
    letters = whole[:max_letters].translate(_TO_UPPER_LETTER)
    return CleanDna(letters.decode("ascii"), len(letters.translate(None, b"ACGT")), len(letters) < len(whole))
