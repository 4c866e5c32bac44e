"""Six frames: a case written by hand, NCBI's codes beside Biopython's, outcomes, and a run of the original."""

import os
from itertools import product
from pathlib import Path

import pytest
from Bio.Data.CodonTable import unambiguous_dna_by_id

from virnucpro import ConfigError
from virnucpro.records import Record
from virnucpro.sequences.frames import find_frames
from virnucpro.sequences.genetic_codes import GENETIC_CODES, translation_table
from virnucpro.sequences.nucleotides import clean_nucleotides, reverse_complement
from virnucpro.sequences.reading import SequenceFile
from virnucpro.sequences.windows import Outcome

BY_HAND = [  # 12 bases a window; worked out on paper
    (1, "toy_chunk_1F1", "ATGGCCAAATTT", "MAKF"),
    (1, "toy_chunk_1F2", "TGGCCAAATT", "WPN"),
    (1, "toy_chunk_1F3", "GGCCAAATTT", "GQI"),
    (1, "toy_chunk_1R1", "AAATTTGGCCAT", "KFGH"),
    (1, "toy_chunk_1R2", "AATTTGGCCA", "NLA"),
    (1, "toy_chunk_1R3", "ATTTGGCCAT", "IWP"),
    (1, "toy_chunk_2F1", "ATTTGGGCC", "IWA"),
    (1, "toy_chunk_2F2", "TTTGGGC", "FG"),
    (1, "toy_chunk_2F3", "TTGGGCC", "LG"),
    (1, "toy_chunk_2R1", "GGCCCAAAT", "GPN"),
    (1, "toy_chunk_2R2", "GCCCAAA", "AQ"),
    (1, "toy_chunk_2R3", "CCCAAAT", "PK"),
    (2, "toy_chunk_1F1", "TTAACTNAGCAT", "LTXH"),  # F2 begins with TAA
    (2, "toy_chunk_1F3", "AACTNAGCAT", "NXA"),
    (2, "toy_chunk_1R2", "TGCTNAGTTA", "CXV"),  # R1 ends with TAA
    (2, "toy_chunk_1R3", "GCTNAGTTAA", "AXL"),
]


def rows(table):
    return [(frame.record_number, frame.id, frame.nucleotides, frame.protein) for frame in table]


def test_by_hand():
    records = [Record(1, "toy one", "ATGGCCAAATTTGGGCC"), Record(2, "toy two", "uuaa cunAGcau")]
    table = find_frames(records, 12)
    assert rows(table) == BY_HAND
    assert len(table) == len(BY_HAND)
    assert [frame.window_row for frame in table] == [0] * 6 + [1] * 6 + [2] * 4


@pytest.mark.skipif("VIRNUCPRO_ORACLES" not in os.environ, reason="VIRNUCPRO_ORACLES names no folder of golden files")
def test_a_run_of_the_original():
    folder = Path(os.environ["VIRNUCPRO_ORACLES"])
    records = list(SequenceFile(folder / "test_with_orfs.fa"))
    table = find_frames(records, 500)
    windows = "".join(
        f">{window.id}\n{wrapped(records[window.record_number - 1].sequence[window.start : window.end])}"
        for window in table.windows
    )
    assert windows == (folder / "test_with_orfs_chunked500.fa").read_text()
    nucleotides = "".join(f">{frame.id}\n{frame.nucleotides}\n" for frame in table)
    assert nucleotides == (folder / "test_with_orfs_identified_nucleotide.fa").read_text()
    proteins = "".join(f">{frame.id}\n{frame.protein}\n" for frame in table)
    assert proteins == (folder / "test_with_orfs_identified_protein.faa").read_text()


def wrapped(sequence, width=60):
    return "".join(sequence[i : i + width] + "\n" for i in range(0, len(sequence), width))


def test_the_codes_are_ncbis():
    assert list(GENETIC_CODES) == list(unambiguous_dna_by_id)


@pytest.mark.parametrize("code", GENETIC_CODES)
def test_every_codon_of_every_code_is_biopythons(code):
    forward = unambiguous_dna_by_id[code].forward_table
    table = translation_table(code)
    for codon in product("TCAGN", repeat=3):
        number = sum(5 ** (2 - place) * "TCAGN".index(base) for place, base in enumerate(codon))
        expected = "X" if "N" in codon else forward.get("".join(codon), "*")
        assert chr(table[number]) == expected
    assert set(table[125:].decode()) == {"X"}


def test_codes_decide_what_is_open():
    record = Record(1, "a", "ATGTGATAGTAAATG")
    assert [frame.protein for frame in find_frames([record], 500) if frame.id.endswith("F1")] == []
    assert find_frames([Record(1, "a", "ATGTGAATG")], 500, genetic_code=4).codons.protein(0, 3, False) == "MWM"
    assert "MWQQM" in [frame.protein for frame in find_frames([record], 500, genetic_code=28)]


@pytest.mark.parametrize("code", [0, 7, 8, 17, 34, -1])
def test_a_code_that_ncbi_does_not_have(code):
    with pytest.raises(ConfigError, match=rf"no genetic code {code}; .* 6, 9, 10, .* 33"):
        find_frames([], 500, genetic_code=code)


@pytest.mark.parametrize(
    ("sequence", "outcome"),
    [
        ("ATGGC", Outcome.TOO_SHORT),
        ("NNNNN", Outcome.TOO_SHORT),  # before ambiguous
        ("ATGGCC", Outcome.FRAMES),
        ("ATGNNN", Outcome.FRAMES),  # half is not over half
        ("ATNNNN", Outcome.AMBIGUOUS),
        ("AT-R*N", Outcome.AMBIGUOUS),
        ("TAATNNNNNNNN", Outcome.AMBIGUOUS),
        ("TAGCTAACTAACTAGCTA", Outcome.NO_OPEN_FRAME),
    ],
)
def test_outcomes(sequence, outcome):
    table = find_frames([Record(1, "a", sequence)], 500)
    assert [window.outcome for window in table.windows] == [outcome]
    assert (len(table) > 0) == (outcome is Outcome.FRAMES)
    assert table.windows.counts()[outcome.word] == 1


def test_an_ambiguous_codon_is_x_even_where_it_can_only_be_a_stop_or_one_residue():
    table = find_frames([Record(1, "a", "TARGGNATGATG")], 500)
    assert [frame.protein for frame in table if frame.id == "a_chunk_1F1"] == ["XXMM"]


def test_records_of_one_id_and_records_without_bases_stay_apart():
    records = [Record(4, "x", "ATGGCCAAA"), Record(5, "x", ""), Record(6, "x", "GGGGGGGGG"), Record(7, "", "CCCCCC")]
    table = find_frames(records, 500)
    assert table.windows.records == tuple(records)
    first = [(frame.record_number, frame.protein) for frame in table if frame.id == "x_chunk_1F1"]
    assert first == [(4, "MAK"), (6, "GGG")]
    assert [window.id for window in table.windows] == ["x_chunk_1", "x_chunk_1", "_chunk_1"]


def test_nothing_in_nothing_out():
    table = find_frames([], 500)
    assert (len(table), len(table.windows), rows(table), list(table.windows)) == (0, 0, [], [])
    assert find_frames([Record(1, "a", " ")], 500).windows.counts()["frames"] == 0


def test_cleaning_keeps_iupac():
    written = "acgu tRYSWKMBDHVN\r\nx-.?1*\N{GREEK SMALL LETTER ALPHA}"
    assert clean_nucleotides(written) == b"ACGTTRYSWKMBDHVN" + b"N" * 7


def test_the_other_strand_of_iupac():
    assert reverse_complement(b"ACGTRYSWKMBDHVN") == b"NBDHVKMWSRYACGT"
    assert reverse_complement(reverse_complement(b"ACGTRYSWKMBDHVN")) == b"ACGTRYSWKMBDHVN"


def test_a_stop_right_behind_a_frame_does_not_close_it():
    first, second = Record(1, "a", "ATGGCC"), Record(2, "b", "TAAGGG")
    assert rows(find_frames([first, second], 500))[:6] == rows(find_frames([first], 500))
    assert "MA" in [frame.protein for frame in find_frames([first, second], 500) if frame.record_number == 1]
