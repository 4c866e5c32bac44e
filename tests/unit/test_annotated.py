"""The rule for training frames, case by case."""

import pytest

from virnucpro import ConfigError
from virnucpro.records import Record
from virnucpro.sequences.annotated import select_annotated_frames

GENE = "ATGAAAGTTCTTGCTGGTTCT"  # MKVLAGS


def kept(genome, translations, window_bp=21, genetic_code=1):
    found = select_annotated_frames(Record(1, "g", genome), translations, window_bp, genetic_code)
    return [(frame.id, frame.protein) for frame in found.frames]


def test_inside_a_translation():
    assert kept(GENE, ["WWMKVLAGSWW"]) == [("g_chunk_1F1", "MKVLAGS")]
    assert kept(GENE, ["MKVLAG", "KVLAGS"]) == []  # not in one, not in the other
    assert kept(GENE, []) == []


def test_never_across_two_translations():
    assert kept(GENE, ["MKVL", "AGS"]) == []


def test_on_the_other_strand():
    assert kept("AGAACCAGCAAGAACTTTCAT", ["MKVLAGS"]) == [("g_chunk_1R1", "MKVLAGS")]


@pytest.mark.parametrize("letter", "NRY-")
def test_a_window_with_an_ambiguous_base_gives_nothing(letter):
    assert kept(GENE + GENE, ["MKVLAGS" * 2]) == [("g_chunk_1F1", "MKVLAGS"), ("g_chunk_2F1", "MKVLAGS")]
    ambiguous = GENE + GENE[:-1] + letter  # the last codon of one frame; the other frames are not touched by it
    assert kept(ambiguous, ["MKVLAGS" * 2, "ESSCW*", "KVLAGX"]) == [("g_chunk_1F1", "MKVLAGS")]


def test_case_and_rna_make_no_difference():
    assert kept(GENE.lower().replace("t", "u"), ["MKVLAGS"]) == [("g_chunk_1F1", "MKVLAGS")]


def test_the_genetic_code():
    gene = "ATGTGAAAA"
    assert kept(gene, ["MWK"], 9) == []
    assert kept(gene, ["MWK"], 9, genetic_code=4) == [("g_chunk_1F1", "MWK")]
    with pytest.raises(ConfigError, match="no genetic code 7"):
        kept(gene, ["MWK"], 9, genetic_code=7)


def test_counts():
    found = select_annotated_frames(Record(1, "g", GENE * 3), ["MKVLAGS"], 21)
    assert (found.n_windows, len(found.frames)) == (3, 3)
    assert found.n_frames_without_stop > 3
