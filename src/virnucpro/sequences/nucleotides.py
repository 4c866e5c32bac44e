"""What a nucleotide sequence looks like before it is cut into windows, and before it is tokenised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from virnucpro.sequences.ragged import Ragged

__all__ = [
    "CleanDna",
    "clean_dna",
    "clean_nucleotides",
    "clean_sequences",
    "complement",
    "is_base",
    "reverse_complement",
]

_WHITESPACE = b" \t\n\r\v\f"
_LETTERS, _COMPLEMENTS = b"ACGTRYSWKMBDHVN", b"TGCAYRSWMKVHDBN"
_TO_LETTER = bytes(
    ord(" ") if code in _WHITESPACE else ord("T") if code == ord("U") else code if code in _LETTERS else ord("N")
    for code in bytes(range(256)).upper()
)
_TO_UPPER_LETTER = bytes(code if chr(code).isalpha() and code < 128 else ord("N") for code in bytes(range(256)).upper())
_TO_COMPLEMENT = bytes.maketrans(_LETTERS, _COMPLEMENTS)


def clean_nucleotides(sequence: str) -> bytes:
    """Bring a nucleotide sequence as written into the alphabet of IUPAC.

    Examples
    --------
    >>> clean_nucleotides("acgu RYK-*")
    b'ACGTRYKNN'
    """
    return clean_sequences([sequence]).values.tobytes()


def clean_sequences(sequences: Sequence[str]) -> Ragged:
    """Bring many sequences as written into the alphabet of IUPAC, without whitespace; letters are uint8."""
    text = "".join(sequences).encode("ascii", "replace")
    offsets = np.cumsum(np.fromiter(chain((0,), map(len, sequences)), np.int64, len(sequences) + 1))
    if not is_base(text).all():
        text = text.translate(_TO_LETTER)  # whitespace is a space
    if b" " in text:
        offsets -= np.searchsorted(np.flatnonzero(np.frombuffer(text, np.uint8) == ord(" ")), offsets)
        text = text.replace(b" ", b"")
    return Ragged(np.frombuffer(text, np.uint8), offsets)


def is_base(text: bytes) -> NDArray[np.bool_]:
    """Tell which letters are A, C, G or T."""
    letters = np.frombuffer(text, np.uint8)
    found = np.zeros(len(letters), np.bool_)
    for base in b"ACGT":
        found |= letters == base
    return found


def complement(nucleotides: bytes) -> bytes:
    """Pair every letter."""
    return nucleotides.translate(_TO_COMPLEMENT)


def reverse_complement(nucleotides: bytes) -> bytes:
    """Read the other strand.

    Examples
    --------
    >>> reverse_complement(b"AACRN")
    b'NYGTT'
    """
    return complement(nucleotides)[::-1]


@dataclass(frozen=True, slots=True)
class CleanDna:
    """A sequence of letters."""

    letters: str  # upper-case A to Z
    unknown: int  # how many of them are not A, C, G or T
    truncated: bool = False  # whether letters beyond a limit were left out; `unknown` counts none of them


def clean_dna(sequence: str, max_letters: int | None = None) -> CleanDna:
    """Bring a nucleotide sequence as written into letters.

    Examples
    --------
    >>> clean_dna("acg nU-[SEP]")
    CleanDna(letters='ACGNUNNSEPN', unknown=8, truncated=False)
    """
    whole = sequence.encode("ascii", "replace").translate(None, _WHITESPACE)
    letters = whole[:max_letters].translate(_TO_UPPER_LETTER)
    return CleanDna(letters.decode("ascii"), len(letters.translate(None, b"ACGT")), len(letters) < len(whole))
