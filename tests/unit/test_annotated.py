"""The rule for training rows, case by case."""

import pytest

from found_rows import find
from virnucpro import ConfigError
from virnucpro.sequences.annotated import annotated_rows

GENE = "ATGAAAGTTCTTGCTGGTTCT"  # MKVLAGS


def kept(genome, translations, window_bp=21, translation_table=1):
    found = find([genome], window_bp, "open", translation_table)
    found.rows = found.rows.take(annotated_rows(found.rows, translations))
    return [(number, frame, protein) for _, number, frame, _, protein in found.tuples()]


def test_inside_a_translation():
    assert kept(GENE, ["WWMKVLAGSWW"]) == [(1, "F1", "MKVLAGS")]
    assert kept(GENE, ["MKVLAG", "KVLAGS"]) == []  # not in one, not in the other
    assert kept(GENE, []) == []
    assert kept("", ["MKVLAGS"]) == []


def test_never_across_two_translations():
    assert kept(GENE, ["MKVL", "AGS"]) == []


def test_on_the_other_strand():
    assert kept("AGAACCAGCAAGAACTTTCAT", ["MKVLAGS"]) == [(1, "R1", "MKVLAGS")]


@pytest.mark.parametrize("letter", "NRY-")
def test_a_window_with_an_ambiguous_base_gives_nothing(letter):
    assert kept(GENE + GENE, ["MKVLAGS" * 2]) == [(1, "F1", "MKVLAGS"), (2, "F1", "MKVLAGS")]
    ambiguous = GENE + GENE[:-1] + letter  # the last codon of one frame; the other frames are not touched by it
    assert kept(ambiguous, ["MKVLAGS" * 2, "ESSCW*", "KVLAGX"]) == [(1, "F1", "MKVLAGS")]


def test_case_and_rna_make_no_difference():
    assert kept(GENE.lower().replace("t", "u"), ["MKVLAGS"]) == [(1, "F1", "MKVLAGS")]


def test_the_translation_table():
    gene = "ATGTGAAAA"
    assert kept(gene, ["MWK"], 9) == []
    assert kept(gene, ["MWK"], 9, translation_table=4) == [(1, "F1", "MWK")]
    with pytest.raises(ConfigError, match="no translation table 7"):
        kept(gene, ["MWK"], 9, translation_table=7)
