"""What a nucleotide sequence looks like before it is tokenised."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CleanDna", "clean_dna"]

_WHITESPACE = b" \t\n\r\v\f"
_TO_LETTER = bytes(code if chr(code).isalpha() and code < 128 else ord("N") for code in bytes(range(256)).upper())


@dataclass(frozen=True, slots=True)
class CleanDna:
    """A sequence of letters.

    Attributes
    ----------
    letters : str
        Upper-case A to Z.
    unknown : int
        How many of them are not A, C, G or T.
    """

    letters: str
    unknown: int


def clean_dna(sequence: str) -> CleanDna:
    """Bring a nucleotide sequence as written into letters.

    Parameters
    ----------
    sequence : str
        As it stands in the file.

    Returns
    -------
    CleanDna
        Whitespace dropped, upper-cased; whatever is no letter (gaps, digits, brackets) becomes N, so that no text can
        be read as a special token. U stays U. May be empty.

    Examples
    --------
    >>> clean_dna("acg nU-[SEP]")
    CleanDna(letters='ACGNUNNSEPN', unknown=8)
    """
    letters = sequence.encode("ascii", "replace").translate(None, _WHITESPACE).translate(_TO_LETTER)
    return CleanDna(letters.decode("ascii"), len(letters.translate(None, b"ACGT")))
