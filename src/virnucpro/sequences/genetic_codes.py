"""NCBI translation tables: the amino acid of every codon, or stop.

In tables 27, 28 and 31, some codons are a stop or an amino acid, depending on context. They are read as the amino acid,
so these three tables have no stop.

References
----------
https://www.ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi
"""

from __future__ import annotations

from functools import cache
from itertools import product

from virnucpro.errors import ConfigError

__all__ = ["STOP", "UNKNOWN", "amino_acids", "table_numbers"]

STOP, UNKNOWN = "*", "X"

CODONS = tuple(map("".join, product("TCAG", repeat=3)))
STANDARD = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
"""Table 1, NCBI's line "AAs"; written here because nearly every run needs it, and importing Biopython takes 25 ms."""


def table_numbers() -> list[int]:
    """Numbers of the NCBI translation tables: 1 to 33, with gaps."""
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    return list(unambiguous_dna_by_id)


@cache
def amino_acids(translation_table: int) -> dict[str, str]:
    """One-letter amino acid, or `STOP`, of each of the 64 codons.

    Examples
    --------
    >>> amino_acids(1)["TGA"], amino_acids(4)["TGA"]
    ('*', 'W')
    """
    if translation_table == 1:
        return dict(zip(CODONS, STANDARD, strict=True))
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    if translation_table not in unambiguous_dna_by_id:
        numbers = ", ".join(map(str, table_numbers()))
        raise ConfigError(f"there is no translation table {translation_table}; choose one of NCBI's: {numbers}")
    forward = unambiguous_dna_by_id[translation_table].forward_table
    return {codon: forward.get(codon, STOP) for codon in CODONS}
