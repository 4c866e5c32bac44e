"""Rows of windows: a case written by hand, statuses, a run of the original, and a plain search of every window."""

import os
import re
import tracemalloc
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from Bio.Seq import Seq

from found_rows import find
from virnucpro import ConfigError
from virnucpro.models.tokens import encode_protein
from virnucpro.sequences.longest_orfs import MIN_ORF_CODONS, ONE_ROW_CODONS, longest_orfs
from virnucpro.sequences.nucleotides import clean_sequences, reverse_complement, to_letters
from virnucpro.sequences.orfs import FRAME_NAMES, RowRule, find_rows
from virnucpro.sequences.reading import SequenceFile
from virnucpro.sequences.row_ids import row_ids
from virnucpro.sequences.windows import WindowStatus, cut_windows, plan_windows

RULES = get_args(RowRule)
BY_HAND = [  # 12 bases a window; worked out on paper
    (0, 1, "F1", "ATGGCCAAATTT", "MAKF"),
    (0, 1, "F2", "TGGCCAAATT", "WPN"),
    (0, 1, "F3", "GGCCAAATTT", "GQI"),
    (0, 1, "R1", "AAATTTGGCCAT", "KFGH"),
    (0, 1, "R2", "AATTTGGCCA", "NLA"),
    (0, 1, "R3", "ATTTGGCCAT", "IWP"),
    (0, 2, "F1", "ATTTGGGCC", "IWA"),
    (0, 2, "F2", "TTTGGGC", "FG"),
    (0, 2, "F3", "TTGGGCC", "LG"),
    (0, 2, "R1", "GGCCCAAAT", "GPN"),
    (0, 2, "R2", "GCCCAAA", "AQ"),
    (0, 2, "R3", "CCCAAAT", "PK"),
    (1, 1, "F1", "TTAACTNAGCAT", "LTXH"),  # F2 begins with TAA
    (1, 1, "F3", "AACTNAGCAT", "NXA"),
    (1, 1, "R2", "TGCTNAGTTA", "CXV"),  # R1 ends with TAA
    (1, 1, "R3", "GCTNAGTTAA", "AXL"),
]


def test_by_hand():
    found = find(["ATGGCCAAATTTGGGCC", "uuaa cunAGcau"], 12)
    assert found.tuples() == BY_HAND
    assert len(found.rows) == len(BY_HAND)
    assert found.rows.window_rows.tolist() == [0] * 6 + [1] * 6 + [2] * 4


@pytest.mark.skipif("VIRNUCPRO_ORACLES" not in os.environ, reason="VIRNUCPRO_ORACLES names no folder of golden files")
def test_a_run_of_the_original():
    folder = Path(os.environ["VIRNUCPRO_ORACLES"])
    records = list(SequenceFile(folder / "test_with_orfs.fa"))
    ids = [record.id for record in records]
    found = find([record.sequence for record in records])
    windows = "".join(
        f">{ids[record]}_chunk_{number}\n{wrapped(records[record].sequence[start:end])}"
        for record, number, start, end, _ in found.spans()
    )
    assert windows == (folder / "test_with_orfs_chunked500.fa").read_text()
    rows = row_ids(ids, found.windows, found.rows)
    for letters, ending in ((found.rows.nucleotides(), "nucleotide.fa"), (found.rows.proteins(), "protein.faa")):
        written = "".join(f">{id_}\n{text}\n" for id_, text in zip(rows, letters, strict=True))
        assert written == (folder / f"test_with_orfs_identified_{ending}").read_text()


def wrapped(sequence, width=60):
    return "".join(sequence[i : i + width] + "\n" for i in range(0, len(sequence), width))


def test_translation_tables_decide_what_is_open():
    assert [row for row in find(["ATGTGATAGTAAATG"]).tuples() if row[2] == "F1"] == []
    assert find(["ATGTGAATG"], translation_table=4).tuples()[0][2:] == ("F1", "ATGTGAATG", "MWM")
    assert "MWQQM" in find(["ATGTGATAGTAAATG"], translation_table=28).rows.proteins()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("sequence", "statuses"),
    [  # by the rules open, longest and window
        ("ATGGC", ("too_short",) * 3),
        ("NNNNN", ("too_short",) * 3),  # not ambiguous
        ("ATGGCC", ("scored", "too_short", "too_short")),
        ("ATGNNN", ("scored", "too_short", "too_short")),  # half is not over half
        ("ATNNNN", ("ambiguous", "too_short", "too_short")),
        ("AT-R*N", ("ambiguous", "too_short", "too_short")),
        ("TAATNNNNNNNN", ("ambiguous", "too_short", "too_short")),
        ("TAGCTAACTAACTAGCTA", ("no_open_frame", "too_short", "too_short")),
        ("TAGCTAACTAACTAGCTA" * 2, ("no_open_frame", "scored", "scored")),
        ("TAG" * 9 + "TA", ("scored", "too_short", "too_short")),
        ("TAG" * 10, ("scored", "scored", "scored")),
        ("A" * 15 + "N" * 15, ("scored", "scored", "scored")),
        ("A" * 15 + "N" * 16, ("ambiguous", "ambiguous", "ambiguous")),
        ("AAAAAAAAAR" * 6, ("scored",) * 3),  # runs of three codons
        ("AAAAAAAAR" * 6, ("ambiguous",) * 3),  # a ninth of the letters is ambiguous, and no run can be read
        ("AAAAAAAAR" * 6 + "A" * 17, ("ambiguous",) * 3),
        ("AAAAAAAAR" * 6 + "A" * 18, ("scored",) * 3),  # a quarter can be read
        ("C" * 30 + "N" * 28, ("scored",) * 3),  # a gap
    ],
)
def test_statuses(sequence, statuses, rule):
    found = find([sequence], rule=rule)
    assert [WindowStatus(status).word for status in found.rows.status] == [statuses[RULES.index(rule)]]
    assert (len(found.rows) > 0) == (found.rows.status[0] == WindowStatus.SCORED)


def test_an_ambiguous_codon_is_x_even_where_it_can_only_be_a_stop_or_one_residue():
    assert find(["TARGGNATGATG"]).tuples()[0][2:] == ("F1", "TARGGNATGATG", "XXMM")


def test_records_without_bases_stay_apart():
    found = find(["ATGGCCAAA", "", "GGGGGGGGG", " ", "CCCCCC"])
    assert [(record, number) for record, number, *_ in found.spans()] == [(0, 1), (2, 1), (4, 1)]
    assert [(record, protein) for record, _, frame, _, protein in found.tuples() if frame == "F1"] == [
        (0, "MAK"), (2, "GGG"), (4, "PP"),
    ]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sequences", [[], [""], ["A"], ["AC"]])
def test_nothing_in_nothing_out(rule, sequences):
    rows = find(sequences, rule=rule).rows
    assert (len(rows), rows.proteins(), rows.nucleotides(), len(rows.protein_tokens()), len(rows.base_codes())) == (
        0, [], [], 0, 0,
    )  # fmt: skip


def test_a_stop_right_behind_a_frame_does_not_close_it():
    together, alone = find(["ATGGCC", "TAAGGG"]), find(["ATGGCC"])
    assert together.tuples()[:6] == alone.tuples()


def test_a_rule_that_there_is_not():
    with pytest.raises(ConfigError, match=r"no rule 'all'.* open, longest or window"):
        find(["ACGT"], rule="all")


def test_whole_windows():
    found = find(["acgtacgtan" * 4, "A" * 29], 25, rule="window")
    assert found.tuples() == []
    found = find(["acgtacgtan" * 4, "A" * 31], 30, rule="window", layout="even")
    assert found.tuples() == [(0, n, "", "ACGTACGTAN" * 3, "") for n in (1, 2)] + [
        (1, n, "", "A" * 30, "") for n in (1, 2)
    ]
    assert found.rows.frames.tolist() == [255] * 4
    assert row_ids(["x", "y"], found.windows, found.rows) == ["x_chunk_1", "x_chunk_2", "y_chunk_1", "y_chunk_2"]


def plain_rows(sequence, window_bp, translation_table):
    """Rule "longest" as slowly as can be: (window, frame, nucleotides, protein)."""
    windows = plan_windows([len(sequence)], window_bp)
    for number, (start, end) in enumerate(zip(windows.starts.tolist(), windows.ends.tolist(), strict=True), 1):
        window = sequence[start:end]
        runs = re.findall(f"[ACGT]{{{min(9, len(window) // 4)},}}", window)
        known, readable = len(re.findall("[ACGT]", window)), len("".join(runs))
        if len(window) < 30 or 2 * known < len(window) or 4 * readable < len(window):
            continue
        strands = [window, str(Seq(window).reverse_complement())]
        orfs = []
        for index, name in enumerate(FRAME_NAMES):
            strand = strands[index // 3][index % 3 :]
            codons = [strand[i : i + 3] for i in range(0, len(strand) - 2, 3)]
            letters = "".join(
                str(Seq(codon).translate(translation_table)) if set(codon) <= set("ACGT") else "X" for codon in codons
            )
            longest = max(letters.split("*"), key=len)
            length = len(longest) if len(longest) >= MIN_ORF_CODONS else 0
            orfs.append((-length, index % 3, strands[index // 3], name, strand, longest))
        orfs.sort()
        longest, next_longest = -orfs[0][0], -orfs[1][0]
        unsure = next_longest > 0 and longest < ONE_ROW_CODONS and 2 * next_longest >= longest
        for length, _, _, name, strand, protein in sorted(orfs[: 2 if unsure else 1], key=lambda orf: orf[3]):
            yield number, name, strand, protein if length else ""


@pytest.mark.parametrize("translation_table", [1, 4, 15])
def test_longest_orfs_beside_a_plain_search(translation_table):
    random = np.random.default_rng(5)
    sequences = [
        "".join(random.choice(list("ACGTN"), length, p=p))
        for length, p in [(1, [0.2, 0.2, 0.3, 0.3, 0]), (0, [0.25] * 4 + [0]), (400, [0.4, 0.1, 0.1, 0.39, 0.01])]
        + [(int(n), [0.22, 0.28, 0.28, 0.22, 0]) for n in random.integers(1, 1300, 40)]
        + [(333, [0.1, 0.1, 0.1, 0.1, 0.6])]
    ] + ["GCA" * 50, "AT" * 100, "TAGCTAACTAG" * 4]
    found = find(sequences, 300, "longest", translation_table).tuples()
    wanted = [
        (record, *row)
        for record, sequence in enumerate(sequences)
        for row in plain_rows(sequence, 300, translation_table)
    ]
    assert found == wanted


def test_a_long_orf_is_the_only_row():
    def frames(codons):
        sequence = "GCA" * codons  # open in all frames, and those of the other strand; GCA comes before TGC
        return [row[2] for row in find([sequence], len(sequence), "longest").tuples()]

    assert frames(ONE_ROW_CODONS) == ["F1"]
    assert frames(ONE_ROW_CODONS - 1) == ["F1", "R1"]


def test_a_window_without_an_orf_has_a_row_without_a_protein():
    (row,) = find(["TAGCTAACTAG" * 4], 100, "longest").tuples()
    assert row == (0, 1, "R1", "CTAGTTAGCTA" * 4, "")  # CTAG... comes before TAGC...


def test_rows_with_and_without_a_protein():
    rows = find(["TAGCTAACTAG" * 4, "GCA" * 64, "TAGCTAACTAG" * 4], 300, "longest").rows
    assert rows.proteins() == ["", "A" * 64, ""]
    assert rows.protein_tokens().lengths.tolist() == [0, 66, 0]


@pytest.mark.parametrize(
    "runs", [(12, 12), (12, 12, 11), (11, 12, 12), (11, 12, 12, 11), (12, 11, 12), (12, 11, 11, 12)]
)
def test_of_equals_in_a_frame_the_first_that_is_read(runs):
    strand = "TAA".join("GCC" * run for run in runs)
    before = sum(map(len, strand.split("TAA")[: runs.index(12)])) + 3 * runs.index(12)
    for sequence, frame, first in ((strand, 0, before), (reverse_complement(strand.encode()).decode(), 3, None)):
        table = cut_windows(clean_sequences([sequence]), plan_windows([len(sequence)], 500))
        firsts, residues = longest_orfs(table, 1)
        assert residues[frame].tolist() == [12]
        assert firsts[frame].tolist() == [len(strand) - before - 36 if first is None else first]


def test_tokens_and_codes_are_those_of_the_letters():
    random = np.random.default_rng(7)
    sequences = ["".join(random.choice(list("ACGTN"), n, p=[0.25, 0.25, 0.25, 0.24, 0.01])) for n in (3000, 31, 6, 90)]
    for rule in RULES:
        rows = find(sequences, 100, rule).rows
        assert len(rows) > 0
        tokens, codes = rows.protein_tokens(), rows.base_codes()
        assert tokens.values.dtype == codes.values.dtype == np.uint8
        for row, (protein, nucleotides) in enumerate(zip(rows.proteins(), rows.nucleotides(), strict=True)):
            assert len(protein) == rows.residues[row]
            assert tokens[row].tolist() == (encode_protein(protein.encode()).tolist() if protein else [])
            assert codes[row].tolist() == ["ACGTN".index(letter) for letter in nucleotides]


def test_some_of_the_rows():
    found = find(["ATGGCCAAATTTGGGCC"], 12)
    found.rows = found.rows.take(np.array([1, 4, 9]))
    assert found.tuples() == [BY_HAND[row] for row in (1, 4, 9)]
    assert len(found.rows.status) == 2


@pytest.mark.parametrize("rule", RULES)
def test_rows_do_not_depend_on_how_a_record_is_divided(rule):
    random = np.random.default_rng(8)
    letters = clean_sequences(
        ["".join(random.choice(list("ACGTN"), n, p=[0.2, 0.27, 0.27, 0.2, 0.06])) for n in (50, 9000, 0, 70)]
    )
    windows = plan_windows(letters.lengths, 300, "even")

    def rows_by(size):
        found = []
        for first in range(0, len(windows), size):
            rows = find_rows(cut_windows(letters, windows[first : first + size]), rule)
            columns = rows.window_rows + first, rows.frames, rows.nucleotides(), rows.proteins()
            found += zip(*columns, strict=True)
        return found

    whole = rows_by(len(windows))
    assert len(whole) > 10
    assert all(rows_by(size) == whole for size in (1, 7))


def test_memory_for_each_base():
    """Tables for one pass; a caller gives a long record in parts."""
    codons = np.random.default_rng(9).choice(["GCA", "ATG", "CTG", "GAA", "TTC"], 400_000)
    letters = clean_sequences(["".join(codons)])
    windows = plan_windows(letters.lengths, 500)
    tracemalloc.start()
    tokens = find_rows(cut_windows(letters, windows), "open").protein_tokens()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(letters.values) + len(tokens.values)


def test_cleaning_keeps_iupac():
    written = "acgu tRYSWKMBDHVN\r\nx-.?1*\N{GREEK SMALL LETTER ALPHA}"
    many = clean_sequences(["AC GT", "", " ", written, "A\tA\n", "gg"])
    wanted = [b"ACGT", b"", b"", b"ACGTTRYSWKMBDHVN" + b"N" * 7, b"AA", b"GG"]
    assert [to_letters(codes) for codes in many] == wanted


def test_the_other_strand_of_iupac():
    assert reverse_complement(b"ACGTRYSWKMBDHVN") == b"NBDHVKMWSRYACGT"
    assert reverse_complement(reverse_complement(b"ACGTRYSWKMBDHVN")) == b"ACGTRYSWKMBDHVN"
