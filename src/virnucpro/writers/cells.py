"""Cells of tables: text that no spreadsheet, terminal or parser takes for anything else."""

from __future__ import annotations

from typing import Final

from virnucpro.errors import shown

__all__ = ["ABSENT", "MAX_ID_CHARACTERS", "cell"]

ABSENT: Final = "NA"
MAX_ID_CHARACTERS: Final = 1000
FORMULA_STARTS: Final = "=+-@\uff1d\uff0b\uff0d\uff20"
"""Spreadsheets run a cell that begins with one of these; the last four are their full-width forms."""


def cell(text: str) -> str:
    """Text from a file as one cell: no control characters, no quotes, no formula, not ``NA``, at most 1,000 characters.

    Examples
    --------
    >>> print(cell("contig_1"), cell("=1+1"), cell('a"b'))
    contig_1 \\x3d1+1 a\\x22b
    """
    safe = text if len(text) <= MAX_ID_CHARACTERS and text.isprintable() else shown(text, MAX_ID_CHARACTERS)
    if '"' in safe:
        safe = safe.replace('"', r"\x22")
    if safe == ABSENT or safe.startswith(tuple(FORMULA_STARTS)):  # an ID is never missing
        code = ord(safe[0])
        safe = (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}") + safe[1:]
    return safe
