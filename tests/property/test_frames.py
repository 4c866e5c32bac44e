"""Windows and frames of any records, beside Biopython's translation of one window at a time."""

import warnings

from Bio.Seq import Seq, reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st

from virnucpro.records import Record
from virnucpro.sequences.frames import FRAME_NAMES, find_frames
from virnucpro.sequences.genetic_codes import GENETIC_CODES
from virnucpro.sequences.windows import Outcome, plan_windows

plain = st.text(alphabet="ACGTacgtUu", max_size=80)
messy = st.text(alphabet="ACGTacgtuNnRy- ", max_size=60)
open_frame = st.lists(st.sampled_from(["ATG", "GCC", "AAA", "CTG", "GGC"]), max_size=40).map("".join)
sequences = st.lists(st.one_of(plain, messy, open_frame), max_size=5)
codes = st.sampled_from(list(GENETIC_CODES))


def as_records(sequences):
    return [Record(number, f"id{number % 2}", sequence) for number, sequence in enumerate(sequences, start=1)]


def as_dna(sequence):
    upper = sequence.replace(" ", "").upper().replace("U", "T").replace("-", "N")
    assert set(upper) <= set("ACGTNRY")
    return upper


def protein_by_biopython(strand, offset, code):
    codons = [strand[i : i + 3] for i in range(offset, len(strand) - 2, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # codes 27, 28, 31: some codons are a stop or not
        return "".join("X" if set(codon) - set("ACGT") else str(Seq(codon).translate(table=code)) for codon in codons)


def frames_by_biopython(window, code):
    """Name, nucleotides and protein of each stop-free frame, and the outcome."""
    if len(window) < 6:
        return Outcome.TOO_SHORT, []
    if sum(letter not in "ACGT" for letter in window) > len(window) / 2:
        return Outcome.AMBIGUOUS, []
    rows = []
    for name in FRAME_NAMES:
        strand = window if name[0] == "F" else reverse_complement(window)
        offset = int(name[1]) - 1
        protein = protein_by_biopython(strand, offset, code)
        if "*" not in protein:
            rows.append((name, strand[offset : offset + 1 + 3 * len(protein)], protein))
    return (Outcome.FRAMES if rows else Outcome.NO_OPEN_FRAME), rows


@settings(deadline=None)
@given(sequences, st.integers(1, 40), codes)
def test_beside_biopython(sequences, window_bp, code):
    windows, frames = [], []
    for record in as_records(sequences):
        dna = as_dna(record.sequence)
        for number, (start, end) in enumerate(plan_windows(len(dna), window_bp).tolist(), start=1):
            id_ = f"{record.id}_chunk_{number}"
            outcome, found = frames_by_biopython(dna[start:end], code)
            frames += [(record.number, len(windows), id_ + name, dna, protein) for name, dna, protein in found]
            windows.append((record.number, id_, number, start, end, outcome))
    table = find_frames(as_records(sequences), window_bp, code)
    assert windows == [(w.record_number, w.id, w.number, w.start, w.end, w.outcome) for w in table.windows]
    assert frames == [(f.record_number, f.window_row, f.id, f.nucleotides, f.protein) for f in table]


@settings(deadline=None)
@given(sequences, st.integers(1, 40))
def test_every_window_has_one_outcome_and_every_base_a_window(sequences, window_bp):
    table = find_frames(as_records(sequences), window_bp)
    windows = table.windows
    assert len(windows.outcomes) == len(windows) == sum(windows.counts().values())
    assert set(table.window_rows.tolist()) == {
        row for row, window in enumerate(windows) if window.outcome is Outcome.FRAMES
    }
    for record in windows.records:
        mine = [window for window in windows if window.record_number == record.number]
        covered = {base for window in mine for base in range(window.start, window.end)}
        assert covered == set(range(len(as_dna(record.sequence))))


@settings(deadline=None)
@given(sequences, st.integers(1, 40), st.data())
def test_a_record_gives_the_same_in_any_company(sequences, window_bp, data):
    records = as_records(sequences)
    alone = {r.number: [(f.id, f.nucleotides, f.protein) for f in find_frames([r], window_bp)] for r in records}
    shuffled = data.draw(st.permutations(records))
    together = [(f.record_number, f.id, f.nucleotides, f.protein) for f in find_frames(shuffled, window_bp)]
    assert together == [(record.number, *row) for record in shuffled for row in alone[record.number]]
