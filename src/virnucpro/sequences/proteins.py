"""Clean amino-acid sequences before they are tokenised."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CleanProtein", "clean_protein"]

RESIDUES = b"LAGVSERTIDPKQNFYMHWCXBUZO.-"
"""The one-letter codes that ESM-2 has a token for; ``.`` and ``-`` are gaps of an alignment."""

_WHITESPACE = b" \t\n\r\v\f"
_TO_RESIDUE = bytes(code if code in RESIDUES else ord("X") for code in bytes(range(256)).upper())


@dataclass(frozen=True, slots=True)
class CleanProtein:
    """A protein in ESM-2's alphabet."""

    residues: bytes  # upper-case one-letter codes, each of which has a token
    replaced: int  # characters that became X: inner ``*``, J, digits and anything else without a token
    truncated: bool = False  # whether residues were cut off; `replaced` does not count those


def clean_protein(sequence: str, max_residues: int | None = None) -> CleanProtein:
    """Convert a raw protein to ESM-2's alphabet.

    Examples
    --------
    >>> clean_protein("mkJ v*w**")
    CleanProtein(residues=b'MKXVXW', replaced=2, truncated=False)
    """
    whole = sequence.encode("ascii", "replace").translate(None, _WHITESPACE).rstrip(b"*")
    letters = whole[:max_residues]
    residues = letters.translate(_TO_RESIDUE)
    written_as_x = letters.count(b"X") + letters.count(b"x")
    return CleanProtein(residues, residues.count(b"X") - written_as_x, len(letters) < len(whole))
