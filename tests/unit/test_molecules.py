"""Proteins and DNA are told apart by letters alone, or not at all."""

import numpy as np
import pytest

from conftest import random_dna, random_protein
from virnucpro.records import Molecule, Record
from virnucpro.sequences.molecules import is_unmistakable, looks_like, sample_molecule

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("letters", "molecule"),
    [
        (random_dna(GENERATOR, 300), Molecule.DNA),
        (random_dna(GENERATOR, 300).lower().encode(), Molecule.DNA),
        ("ACGU" * 30, Molecule.DNA),
        ("ACGTN" * 20, Molecule.DNA),
        ("ACRYSWTTGAC" * 20, Molecule.DNA),  # a consensus
        ("ACGT-" * 10 + "N" * 500 + "ACGT" * 10, Molecule.DNA),
        (random_protein(GENERATOR, 300), Molecule.PROTEIN),
        (random_protein(GENERATOR, 300).lower() + "*", Molecule.PROTEIN),
        ("ACGT" * 10, None),
        (random_protein(GENERATOR, 59), Molecule.PROTEIN),
        ("MKTAYIAKMSKGEELF", Molecule.PROTEIN),
        ("MKTAYAAK", None),
        ("N" * 1000, None),
        ("X" * 1000, None),
        ("", None),
        (random_dna(GENERATOR, 300) + random_protein(GENERATOR, 300), None),
        ("äöü" * 100, None),
    ],
)
def test_letters(letters, molecule):
    assert looks_like(letters) is molecule


def records(sequences):
    return (Record(number, "", sequence) for number, sequence in enumerate(sequences, start=1))


def test_short_records_are_taken_together():
    assert sample_molecule(records(["ACGT"] * 100)) is Molecule.DNA
    assert sample_molecule(records([random_protein(GENERATOR, 9) for _ in range(50)])) is Molecule.PROTEIN
    assert sample_molecule(records([])) is None


def test_only_the_first_records_are_read():
    many = records(["ACGT" * 9] * 1000)
    assert sample_molecule(many) is Molecule.DNA
    assert next(many).number == 101


def test_one_long_record_does_not_decide_alone():
    proteins = [random_protein(GENERATOR, 300) for _ in range(20)]
    assert sample_molecule(records([random_dna(GENERATOR, 10**6), *proteins])) is not Molecule.DNA


DNA, PROTEIN = random_dna(GENERATOR, 300), random_protein(GENERATOR, 300)


@pytest.mark.parametrize(
    ("sequences", "molecule", "certain"),
    [
        ([PROTEIN] * 3, Molecule.PROTEIN, True),
        ([PROTEIN] * 3 + [DNA], Molecule.PROTEIN, False),
        ([PROTEIN] * 3 + ["ACGT" * 5], Molecule.PROTEIN, True),  # so short that it tells nothing
        ([DNA.lower()] * 3, Molecule.DNA, True),
        (["ACGU" * 30, "N" * 500], Molecule.DNA, True),
        ([DNA] * 9 + [PROTEIN], Molecule.DNA, False),
        (["AG" * 99, "GGAGGA" * 20], Molecule.DNA, False),  # peptides, or DNA of two bases
        (["ACRYSWTTGAC" * 20], Molecule.DNA, False),  # a consensus; or what?
        (["ACGT" * 3] * 50, Molecule.DNA, True),
    ],
)
def test_what_nothing_speaks_against(sequences, molecule, certain):
    sample = list(records(sequences))
    assert is_unmistakable(sample, molecule) is certain
