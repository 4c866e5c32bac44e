"""NCBI's genetic codes: which amino acid a codon stands for, and which codons are stops.

The strings are the ``ncbieaa`` lines of NCBI's ``gc.prt``: amino acids of the codons TTT, TTC, TTA, TTG, TCT, ..., GGG.
Codes 27, 28 and 31 hold codons that are a stop or an amino acid by their context. Like those lines, this package reads
them as the amino acid, so these three codes have no stop at all, and every frame is open.

References
----------
https://www.ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi
"""

from __future__ import annotations

from itertools import product

from virnucpro.errors import ConfigError

__all__ = ["GENETIC_CODES", "STOP", "UNKNOWN", "translation_table"]

STOP, UNKNOWN = "*", "X"

GENETIC_CODES = {
    1: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    2: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG",
    3: "FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    4: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    5: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG",
    6: "FFLLSSSSYYQQCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    9: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
    10: "FFLLSSSSYY**CCCWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    11: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    12: "FFLLSSSSYY**CC*WLLLSPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    13: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSGGVVVVAAAADDEEGGGG",
    14: "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
    15: "FFLLSSSSYY*QCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    16: "FFLLSSSSYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    21: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
    22: "FFLLSS*SYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    23: "FF*LSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    24: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG",
    25: "FFLLSSSSYY**CCGWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    26: "FFLLSSSSYY**CC*WLLLAPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    27: "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    28: "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    29: "FFLLSSSSYYYYCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    30: "FFLLSSSSYYEECC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    31: "FFLLSSSSYYEECCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    32: "FFLLSSSSYY*WCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    33: "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG",
}
"""64 amino acids for each of NCBI's numbers; 7, 8 and 17 to 20 are not in use."""

_BASES = "TCAG"


def translation_table(genetic_code: int) -> bytes:
    """Amino acids of every codon number, for ``bytes.translate``.

    Parameters
    ----------
    genetic_code : int
        NCBI's number, 1 to 33.

    Returns
    -------
    bytes
        256 letters. A codon's number is ``25 a + 5 b + c`` with T 0, C 1, A 2, G 3 and any other letter 4; numbers with
        a 4 in them are X, and so are those from 125 on, which no codon has.

    Raises
    ------
    ConfigError
        If NCBI has no such code; the message lists those that it has.

    Examples
    --------
    >>> table = translation_table(4)
    >>> chr(table[25 * 2 + 5 * 0 + 3]), chr(table[25 * 0 + 5 * 3 + 2])  # ATG, TGA
    ('M', 'W')
    """
    if genetic_code not in GENETIC_CODES:
        numbers = ", ".join(map(str, GENETIC_CODES))
        raise ConfigError(f"there is no genetic code {genetic_code}; give one of NCBI's numbers: {numbers}")
    amino_acid = dict(zip(product(_BASES, repeat=3), GENETIC_CODES[genetic_code], strict=True))
    letters = "".join(amino_acid.get(codon, UNKNOWN) for codon in product(_BASES + "N", repeat=3))
    return letters.ljust(256, UNKNOWN).encode()
