"""Windows and rows of any records, beside Biopython's translation of one window at a time, and on both strands."""

import re
import warnings
from collections import Counter

import numpy as np
from Bio.Seq import Seq, reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st

from found_rows import find
from virnucpro.sequences.genetic_codes import table_numbers
from virnucpro.sequences.orfs import FRAME_NAMES
from virnucpro.sequences.windows import WindowStatus, plan_windows

plain = st.text(alphabet="ACGTacgtUu", max_size=80)
messy = st.text(alphabet="ACGTacgtuNnRy- ", max_size=60)
open_frame = st.lists(st.sampled_from(["ATG", "GCC", "AAA", "CTG", "GGC"]), max_size=40).map("".join)
sequences = st.lists(st.one_of(plain, messy, open_frame), max_size=5)
tables = st.sampled_from(table_numbers())


def as_dna(sequence):
    upper = sequence.replace(" ", "").upper().replace("U", "T").replace("-", "N")
    assert set(upper) <= set("ACGTNRY")
    return upper


def protein_by_biopython(strand, offset, table):
    codons = [strand[i : i + 3] for i in range(offset, len(strand) - 2, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tables 27, 28, 31: some codons are a stop or not
        return "".join("X" if set(codon) - set("ACGT") else str(Seq(codon).translate(table=table)) for codon in codons)


def frames_by_biopython(window, table):
    """Name, nucleotides and protein of each open frame, and the status."""
    if len(window) < 6:
        return WindowStatus.TOO_SHORT, []
    runs = [len(run) for run in re.findall("[ACGT]+", window)]
    readable = sum(run for run in runs if run >= min(9, len(window) // 4))
    if sum(runs) < len(window) / 2 or readable < len(window) / 4:
        return WindowStatus.AMBIGUOUS, []
    rows = []
    for name in FRAME_NAMES:
        strand = window if name[0] == "F" else reverse_complement(window)
        offset = int(name[1]) - 1
        protein = protein_by_biopython(strand, offset, table)
        if "*" not in protein:
            rows.append((name, strand[offset : offset + 1 + 3 * len(protein)], protein))
    return (WindowStatus.SCORED if rows else WindowStatus.NO_OPEN_FRAME), rows


@settings(deadline=None)
@given(sequences, st.integers(1, 40), tables, st.sampled_from(["original", "even"]))
def test_beside_biopython(sequences, window_bp, table, layout):
    spans, rows = [], []
    for record, sequence in enumerate(sequences):
        dna = as_dna(sequence)
        windows = plan_windows([len(dna)], window_bp, layout)
        for number, (start, end) in enumerate(zip(windows.starts.tolist(), windows.ends.tolist(), strict=True), 1):
            status, found = frames_by_biopython(dna[start:end], table)
            rows += [(record, number, *row) for row in found]
            spans.append((record, number, start, end, status))
    found = find(sequences, window_bp, "open", table, layout)
    assert found.spans() == spans
    assert found.tuples() == rows


@settings(deadline=None)
@given(sequences, st.integers(1, 40), st.sampled_from(["open", "longest", "window"]), st.data())
def test_a_record_gives_the_same_in_any_company(sequences, window_bp, rule, data):
    alone = [[row[1:] for row in find([sequence], window_bp, rule).tuples()] for sequence in sequences]
    order = data.draw(st.permutations(range(len(sequences))))
    together = find([sequences[record] for record in order], window_bp, rule).tuples()
    assert together == [(place, *row) for place, record in enumerate(order) for row in alone[record]]


pieces = st.one_of(st.text("ACGT", max_size=60), st.text("ACGTNRYSWKMBDHV", max_size=12), open_frame)
records = st.one_of(
    st.lists(pieces, max_size=6).map("".join),
    pieces.map(lambda half: half + reverse_complement(half)),  # its own other strand
    st.tuples(st.text("ACGT", min_size=1, max_size=4), st.integers(1, 80)).map(lambda repeat: repeat[0] * repeat[1]),
)


@settings(deadline=None, max_examples=500)
@given(records, st.integers(30, 90), st.sampled_from(["open", "longest"]), tables)
def test_both_strands_have_the_same_rows(sequence, window_bp, rule, table):
    other_frame = dict(zip(FRAME_NAMES, FRAME_NAMES[3:] + FRAME_NAMES[:3], strict=True))
    own = find([sequence], window_bp, rule, table, layout="even")
    other = find([reverse_complement(sequence)], window_bp, rule, table, layout="even")
    assert own.rows.status.tolist() == other.rows.status[::-1].tolist()
    count = len(own.windows)
    letters = [sequence[start:end] for start, end in zip(own.windows.starts, own.windows.ends, strict=True)]
    is_palindrome = [window == reverse_complement(window) for window in letters]

    def as_seen_from_the_other_strand(rows):
        """With names of frames, but where both strands of a window are one."""
        return Counter(
            (count + 1 - number, "" if is_palindrome[count - number] else other_frame[frame], nucleotides, protein)
            for _, number, frame, nucleotides, protein in rows
        )

    mirrored = as_seen_from_the_other_strand(own.tuples())
    assert mirrored == Counter(
        (number, "" if is_palindrome[count - number] else frame, nucleotides, protein)
        for _, number, frame, nucleotides, protein in other.tuples()
    )


@given(st.integers(0, 2000), st.integers(1, 600))
def test_even_windows_are_mirror_images(length, window_bp):
    windows = plan_windows([length], window_bp, "even")
    assert np.array_equal(windows.starts, length - windows.ends[::-1])
