"""The longest stretches, beside a plain search of every window."""

import numpy as np
from Bio.Seq import Seq

from virnucpro.records import Record
from virnucpro.sequences.frames import FRAME_NAMES
from virnucpro.sequences.stretches import MIN_STRETCH_CODONS, ONE_ROW_CODONS, find_stretches
from virnucpro.sequences.windows import Outcome, plan_windows


def plain_rows(sequence, window_bp, genetic_code):
    """(window, frame, nucleotides, protein), as slowly as can be."""
    for number, (start, end) in enumerate(plan_windows(len(sequence), window_bp).tolist(), start=1):
        window = sequence[start:end]
        if len(window) < 30 or 2 * sum(letter not in "ACGT" for letter in window) > len(window):
            continue
        strands = [window, str(Seq(window).reverse_complement())]
        frames = []
        for index, name in enumerate(FRAME_NAMES):
            strand = strands[index // 3][index % 3 :]
            codons = [strand[i : i + 3] for i in range(0, len(strand) - 2, 3)]
            letters = "".join(
                str(Seq(codon).translate(genetic_code)) if set(codon) <= set("ACGT") else "X" for codon in codons
            )
            longest = max(letters.split("*"), key=len)
            frames.append((len(longest) if len(longest) >= MIN_STRETCH_CODONS else 0, name, strand, longest))
        frames.sort(key=lambda frame: -frame[0])
        first, second = frames[:2]
        unsure = first[0] < ONE_ROW_CODONS and 2 * second[0] >= first[0]
        rows = [first] + ([second] if second[0] and unsure else [])
        for length, name, strand, protein in sorted(rows, key=lambda row: row[1]):
            yield number, name, strand, protein if length else ""


def test_beside_a_plain_search():
    random = np.random.default_rng(5)
    for genetic_code in (1, 4, 15):
        records = [
            Record(number, f"r{number}", "".join(random.choice(list("ACGTN"), length, p=p)))
            for number, (length, p) in enumerate(
                [(1, [0.2, 0.2, 0.3, 0.3, 0]), (0, [0.25] * 4 + [0]), (400, [0.4, 0.1, 0.1, 0.39, 0.01])]
                + [(int(n), [0.22, 0.28, 0.28, 0.22, 0]) for n in random.integers(1, 1300, 40)]
                + [(333, [0.1, 0.1, 0.1, 0.1, 0.6])],
                start=1,
            )
        ]
        table = find_stretches(records, 300, genetic_code)
        found = [(f.record_number, f.id, f.nucleotides, f.protein) for f in table]
        wanted = [
            (record.number, f"{record.id}_chunk_{number}{name}", strand, protein)
            for record in records
            for number, name, strand, protein in plain_rows(record.sequence, 300, genetic_code)
        ]
        assert found == wanted
        assert len({row[:2] for row in found}) == len(found)


def test_a_long_stretch_is_the_only_row():
    def frames(codons):
        sequence = "GCA" * codons  # open in all frames, and those of the other strand
        return [frame.id for frame in find_stretches([Record(1, "r", sequence)], len(sequence))]

    assert frames(ONE_ROW_CODONS) == ["r_chunk_1F1"]
    assert frames(ONE_ROW_CODONS - 1) == ["r_chunk_1F1", "r_chunk_1R1"]


def test_codons_of_the_nucleotides_are_those_of_the_protein():
    random = np.random.default_rng(6)
    records = [Record(n, f"r{n}", "".join(random.choice(list("ACGT"), 200 + n))) for n in range(1, 30)]
    for frame in find_stretches(records, 300):
        assert frame.protein in str(Seq(frame.nucleotides[: len(frame.nucleotides) // 3 * 3]).translate())


def test_every_window_that_is_not_ambiguous_or_too_short_has_a_row():
    records = [
        Record(1, "least", "TAG" * 10),
        Record(4, "short", "TAG" * 9 + "TA"),
        Record(2, "stops", "TAGCTAACTAG" * 30),
        Record(3, "n", "N" * 100 + "A" * 99),
    ]
    table = find_stretches(records, 100)
    has_row = np.isin(np.arange(len(table.windows)), table.window_rows)
    assert (has_row == (table.windows.outcomes == Outcome.FRAMES)).all()
    assert table.windows.counts()["ambiguous"] > 0
    assert [Outcome(outcome) for outcome in table.windows.outcomes[:2]] == [Outcome.FRAMES, Outcome.TOO_SHORT]
    rows = [(frame.id, frame.protein) for frame in find_stretches([Record(1, "stops", "TAGCTAACTAG" * 4)], 100)]
    assert rows == [("stops_chunk_1F1", "")]


def test_no_records():
    assert len(find_stretches([], 500)) == 0
