"""Windows of a part through the encoders: rows in order, a reason for every row without numbers, progress that adds up."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from conftest import random_dna
from found_rows import find
from tolerances import INVARIANCE_FP32
from virnucpro.models.dnabert_s_checkpoints import DnaEncoder
from virnucpro.records import Record
from virnucpro.runs.plan import PartSize
from virnucpro.runs.run import PartInput
from virnucpro.sequences.nucleotides import reverse_complement
from virnucpro.sequences.windows import WindowStatus
from virnucpro.verbs.encoders import ChosenEncoders
from virnucpro.verbs.window_rows import WindowSettings, content, embed_rows, letters

MAX_TOKENS = 400
OPEN = WindowSettings(300, "open", 1, "original")
LONGEST = WindowSettings(300, "longest", 1, "even")


def records_of(sequences):
    return [Record(number, f"r{number}", sequence) for number, sequence in enumerate(sequences, start=1)]


def parts_of(records, settings, size=None):
    planner = settings.planner(size or PartSize(10**6, 10**9))
    for record in records:
        planner.add(content(record), letters(record))
    for part in planner.finish([len(records)]).parts:
        yield PartInput(part, records[part.first_record :][: part.records])


def chosen(**encoders):
    """Encoders that are in memory."""
    made = object.__new__(ChosenEncoders)
    made.__dict__["encoders"] = encoders
    return made


@pytest.fixture(scope="module")
def both(dna_encoder, protein_encoder):
    return chosen(dna=dna_encoder, protein=protein_encoder)


@pytest.fixture(scope="module")
def sequences():
    """A window of a read-through frame, ones with stops, one of stops alone, one of Ns."""
    generator = np.random.default_rng(8)
    random = [random_dna(generator, n) for n in (700, 250, 40)]
    return ["GCC" * 80, *random, "TAATTAGTTAACTAATTAGTTAAC" * 4, "N" * 50, random[1]]


@pytest.fixture(scope="module")
def given(sequences):
    (part,) = parts_of(records_of(sequences), LONGEST)
    return part


def embedded(given, encoders, settings=LONGEST, advance=lambda _: None):
    return embed_rows(given, settings, encoders, MAX_TOKENS, advance)


def test_every_window_of_letters_has_a_row(given, both):
    made = embedded(given, both)
    per_window = np.bincount(made.rows.window_rows, minlength=len(made.windows))
    assert made.rows.status[made.windows.record_rows == 5].tolist() == [WindowStatus.AMBIGUOUS]
    assert ((per_window > 0) == (made.rows.status == WindowStatus.SCORED)).all()
    assert made.failures == ()
    assert made.kept.tolist() == list(range(len(made.rows)))
    assert made.vectors.shape == (len(made.rows), sum(encoder.width for encoder in both.encoders.values()))


def test_no_protein_is_zeros_and_every_other_row_has_its_own_vectors(given, both):
    made = embedded(given, both)
    encoders = both.encoders
    dna, protein = np.split(made.vectors, [encoders["dna"].width], axis=1)
    proteins = made.rows.proteins()
    empty = np.array([not one for one in proteins])
    assert 0 < empty.sum() < len(empty)
    assert (protein[empty] == 0).all()
    for row, (nucleotides, residues) in enumerate(zip(made.rows.nucleotides(), proteins, strict=True)):
        (alone,) = encoders["dna"].embed(encoders["dna"].tokenise([nucleotides], 301).ragged)
        np.testing.assert_allclose(dna[row], alone, atol=INVARIANCE_FP32)
        if residues:
            (alone,) = encoders["protein"].embed(encoders["protein"].tokenise([residues], 301).ragged)
            np.testing.assert_allclose(protein[row], alone, atol=INVARIANCE_FP32)


def test_equal_letters_are_embedded_once(given, dna_encoder, monkeypatch):
    asked, embed = [], DnaEncoder.embed

    def noting(self, tokens, exact=False):
        asked.append(len(tokens))
        return embed(self, tokens, exact)

    monkeypatch.setattr(DnaEncoder, "embed", noting)
    made = embedded(given, chosen(dna=dna_encoder))
    assert sum(asked) == len(set(made.rows.nucleotides())) < len(made.rows)


def test_letters_that_do_not_fit_fail_with_all_of_their_rows_and_no_other(given, both, monkeypatch):
    whole = embedded(given, both)
    dna = both.encoders["dna"]
    (shared, _), *_ = Counter(whole.rows.nucleotides()).most_common()
    bad = len(dna.tokenise([shared], 301).ragged[0])
    embed = DnaEncoder.embed

    def tight(self, tokens, exact=False):
        if bad in tokens.lengths:
            raise torch.OutOfMemoryError("no room")
        return embed(self, tokens, exact)

    monkeypatch.setattr(DnaEncoder, "embed", tight)
    made = embedded(given, both)
    failed = np.setdiff1d(np.arange(len(made.rows)), made.kept)
    assert len(failed) > 1
    found = find([record.sequence for record in given.records], 300, "longest", layout="even").tuples()
    names = [(owner, f"r{owner + 1}_chunk_{number}{frame}") for owner, number, frame, *_ in found]
    assert [(failure.number, failure.id) for failure in made.failures] == [names[row] for row in failed]
    np.testing.assert_allclose(made.vectors, whole.vectors[made.kept], atol=INVARIANCE_FP32)
    assert all(failure.error_type == "OutOfMemory" for failure in made.failures)
    assert all(failure.message.startswith("dna: ") for failure in made.failures)


def test_without_any_protein_there_are_rows_all_the_same(both):
    (stops,) = parts_of(records_of(["TAGCTAACTAG" * 4]), LONGEST)
    made = embedded(stops, both)
    assert len(made.rows) == 1
    assert made.failures == ()
    assert (made.vectors[0, both.encoders["dna"].width :] == 0).all()


def test_nothing_to_embed_is_no_error(both):
    (empty,) = parts_of(records_of(["", "N" * 50, "AC"]), LONGEST)
    made = embedded(empty, both)
    assert made.vectors.shape == (0, sum(encoder.width for encoder in both.encoders.values()))
    assert made.failures == ()


@pytest.mark.parametrize("settings", [OPEN, LONGEST])
@pytest.mark.parametrize("units", [1, 2, 7])
def test_parts_hold_every_window_once_with_its_rows(both, sequences, settings, units):
    """Parts cut long records anywhere; together they are the windows and rows of the whole."""
    records = records_of(sequences)
    (whole,) = parts_of(records, settings)
    expected = embedded(whole, both, settings)
    windows, names, vectors = [], [], []
    for given in parts_of(records, settings, PartSize(units, 10**9)):
        made = embedded(given, both, settings)
        assert len(made.windows) <= units
        first = given.part.first_record
        columns = (made.windows.record_rows + first, made.windows.numbers, made.windows.starts, made.windows.ends)
        windows += zip(*(column.tolist() for column in (*columns, made.rows.status)), strict=True)
        owners = made.windows.record_rows[made.rows.window_rows] + first
        numbers = made.windows.numbers[made.rows.window_rows]
        names += zip(owners.tolist(), numbers.tolist(), made.rows.frames.tolist(), made.rows.proteins(), strict=True)
        vectors.append(made.vectors)
    found = find(sequences, settings.window_bp, settings.rows, layout=settings.layout)
    assert windows == found.spans()
    assert [(*name[:2], name[3]) for name in names] == [(*row[:2], row[4]) for row in found.tuples()]
    np.testing.assert_allclose(np.concatenate(vectors), expected.vectors, atol=INVARIANCE_FP32)


@pytest.mark.parametrize("units", [2, 10**6])
def test_progress_adds_up_to_the_letters_of_every_part(both, sequences, units):
    for given in parts_of(records_of(sequences), OPEN, PartSize(units, 10**9)):
        told = []
        embedded(given, both, OPEN, told.append)
        assert sum(told) == given.part.letters
        assert min(told) >= 0


def test_records_that_are_too_short_have_no_windows(both):
    settings = replace(OPEN, min_length_bp=100)
    (given,) = parts_of(records_of(["GCC" * 33, "GCC" * 34]), settings)
    assert embedded(given, both, settings).windows.record_rows.tolist() == [1]
    assert [settings.units(n) for n in (0, 99, 100, 300, 301)] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("sequence", ["ACGT", "AC GT\t\n", "", "AC-GT*", " "])
def test_white_space_is_no_letter(sequence):
    assert letters(Record(1, "r", sequence)) == len("".join(sequence.split()))


@pytest.mark.parametrize("length", [100, 301, 902, 1499, 2001])
def test_a_sequence_and_its_reverse_complement_have_the_same_rows(both, length):
    """Rule `longest`: windows lie the same from both ends, and equals are chosen whatever the strand."""
    sequence = random_dna(np.random.default_rng(length), length)
    turned = reverse_complement(sequence.encode()).decode()
    forward, reverse = (embedded(next(parts_of(records_of([one]), LONGEST)), both) for one in (sequence, turned))

    def described(made, numbers):
        per_row = zip(numbers.tolist(), made.rows.nucleotides(), made.vectors, strict=True)
        return sorted(per_row, key=lambda row: row[:2])

    mirrored = len(reverse.windows) + 1 - reverse.windows.numbers[reverse.rows.window_rows]
    rows = described(forward, forward.windows.numbers[forward.rows.window_rows]), described(reverse, mirrored)
    for row, other in zip(*rows, strict=True):
        assert row[:2] == other[:2]
        np.testing.assert_allclose(row[2], other[2], atol=INVARIANCE_FP32)
