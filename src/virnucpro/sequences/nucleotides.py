"""What a nucleotide sequence looks like before it is cut into windows, and before it is tokenised."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CleanDna", "clean_dna", "clean_nucleotides", "reverse_complement"]

_WHITESPACE = b" \t\n\r\v\f"
_LETTERS, _COMPLEMENTS = b"ACGTRYSWKMBDHVN", b"TGCAYRSWMKVHDBN"
_TO_LETTER = bytes(
    ord("T") if code == ord("U") else code if code in _LETTERS else ord("N") for code in bytes(range(256)).upper()
)
_TO_UPPER_LETTER = bytes(code if chr(code).isalpha() and code < 128 else ord("N") for code in bytes(range(256)).upper())
_TO_COMPLEMENT = bytes.maketrans(_LETTERS, _COMPLEMENTS)


def clean_nucleotides(sequence: str) -> bytes:
    """Bring a nucleotide sequence as written into the alphabet of IUPAC.

    Parameters
    ----------
    sequence : str
        DNA or RNA as it stands in the file.

    Returns
    -------
    bytes
        Upper-case ``ACGTRYSWKMBDHVN``: whitespace dropped, U written as T, any other character (gaps, digits) as N.

    Examples
    --------
    >>> clean_nucleotides("acgu RYK-*")
    b'ACGTRYKNN'
    """
    letters = sequence.encode("ascii", "replace")
    return letters.translate(_TO_LETTER, _WHITESPACE)


def reverse_complement(nucleotides: bytes) -> bytes:
    """Read the other strand.

    Parameters
    ----------
    nucleotides : bytes
        Cleaned.

    Returns
    -------
    bytes
        As long as the input; the complement of an ambiguous letter is that of IUPAC.

    Examples
    --------
    >>> reverse_complement(b"AACRN")
    b'NYGTT'
    """
    return nucleotides.translate(_TO_COMPLEMENT)[::-1]


@dataclass(frozen=True, slots=True)
class CleanDna:
    """A sequence of letters.

    Attributes
    ----------
    letters : str
        Upper-case A to Z.
    unknown : int
        How many of them are not A, C, G or T.
    truncated : bool
        Whether letters beyond a limit were left out; `unknown` counts none of them.
    """

    letters: str
    unknown: int
    truncated: bool = False


def clean_dna(sequence: str, max_letters: int | None = None) -> CleanDna:
    """Bring a nucleotide sequence as written into letters.

    Parameters
    ----------
    sequence : str
        As it stands in the file.
    max_letters : int, optional
        How many letters are used, from the first; by default all.

    Returns
    -------
    CleanDna
        Whitespace dropped, upper-cased; whatever is no letter (gaps, digits, brackets) becomes N, so that no text can
        be read as a special token. U stays U. May be empty.

    Examples
    --------
    >>> clean_dna("acg nU-[SEP]")
    CleanDna(letters='ACGNUNNSEPN', unknown=8, truncated=False)
    """
    whole = sequence.encode("ascii", "replace").translate(None, _WHITESPACE)
    letters = whole[:max_letters].translate(_TO_UPPER_LETTER)
    return CleanDna(letters.decode("ascii"), len(letters.translate(None, b"ACGT")), len(letters) < len(whole))
