"""What a nucleotide sequence looks like before it is cut into windows."""

from __future__ import annotations

__all__ = ["clean_nucleotides", "reverse_complement"]

_WHITESPACE = b" \t\n\r\v\f"
_LETTERS, _COMPLEMENTS = b"ACGTRYSWKMBDHVN", b"TGCAYRSWMKVHDBN"
_TO_LETTER = bytes(
    ord("T") if code == ord("U") else code if code in _LETTERS else ord("N") for code in bytes(range(256)).upper()
)
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
