"""NCBI's translation tables, and the tables of codon numbers that come from them."""

import subprocess
import sys
from itertools import product

import pytest

from virnucpro import ConfigError
from virnucpro.models.tokens import CLS, EOS, VOCABULARY
from virnucpro.sequences import codons
from virnucpro.sequences.genetic_codes import amino_acids, table_numbers

GC_PRT = {  # the ncbieaa lines of NCBI's gc.prt: amino acids of TTT, TTC, TTA, TTG, TCT, ..., GGG
    1: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    4: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    11: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    15: "FFLLSSSSYY*QCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    22: "FFLLSS*SYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    25: "FFLLSSSSYY**CCGWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    27: "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",  # TGA: a stop, or W
    28: "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",  # TAA, TAG, TGA: stops, or Q, Q, W
    31: "FFLLSSSSYYEECCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",  # TAA, TAG: stops, or E
    33: "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG",
}


@pytest.mark.parametrize("number", GC_PRT)
def test_tables_are_ncbis(number):
    letters = amino_acids(number)
    assert list(letters) == ["".join(codon) for codon in product("TCAG", repeat=3)]
    assert "".join(letters.values()) == GC_PRT[number]


def test_numbers_have_gaps():
    assert table_numbers() == [*range(1, 7), *range(9, 17), *range(21, 34)]


@pytest.mark.parametrize("number", [0, 7, 8, 17, 20, 34, -1])
def test_a_table_that_ncbi_does_not_have(number):
    with pytest.raises(ConfigError, match=rf"no translation table {number}; .* 6, 9, 10, .* 33"):
        amino_acids(number)


def test_biopython_is_read_when_a_table_is():
    code = "import sys, virnucpro.sequences.orfs; print('Bio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("number", table_numbers())
def test_every_codon_has_esm2s_token_on_both_strands(number):
    letters = amino_acids(number)
    forward, reverse = codons.to_tokens(number)
    for codon in map("".join, product("ACGTN", repeat=3)):
        code = sum(5 ** (2 - place) * "ACGTN".index(base) for place, base in enumerate(codon))
        other = codon[::-1].translate(str.maketrans("ACGT", "TGCA"))
        for table, read in ((forward, codon), (reverse, other)):
            residue = letters.get(read, "X")
            assert VOCABULARY[table[code]] == ("X" if residue == "*" else residue)


def test_letters_of_tokens_are_esm2s():
    assert (codons.CLS, codons.EOS) == (CLS, EOS)
    residues = codons.FROM_TOKEN.rstrip().lstrip().decode()
    assert "".join(VOCABULARY[4 : 4 + len(residues)]) == residues
    assert set(residues) == set("ACDEFGHIKLMNPQRSTVWXY")
