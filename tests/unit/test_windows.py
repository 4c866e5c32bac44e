"""Where windows lie, and the letters they are cut from."""

import numpy as np
import pytest

from virnucpro import ConfigError
from virnucpro.sequences.codons import BLOCK, find_stops, number_codons
from virnucpro.sequences.nucleotides import clean_sequences, to_letters
from virnucpro.sequences.windows import WindowStatus, count_windows, cut_windows, plan_windows

WORKED = [  # from a run of the original
    (174, 500, [(0, 174)]),
    (501, 500, [(0, 500), (250, 501)]),
    (999, 500, [(0, 500), (499, 999)]),
    (1000, 500, [(0, 500), (500, 1000)]),
    (1001, 500, [(0, 500), (333, 833), (666, 1001)]),
    (2600, 500, [(0, 500), (433, 933), (866, 1366), (1299, 1799), (1732, 2232), (2165, 2600)]),
    (901, 300, [(0, 300), (225, 525), (450, 750), (675, 901)]),
]
LAYOUTS = ["original", "even"]
STOPS = ((3, 0, 0), (3, 0, 2), (3, 2, 0)), ((3, 3, 0), (1, 3, 0), (3, 1, 0))  # TAA TAG TGA, TTA CTA TCA


def spans(windows):
    return list(zip(windows.starts.tolist(), windows.ends.tolist(), strict=True))


@pytest.mark.parametrize(("length", "window", "expected"), WORKED)
def test_worked_examples(length, window, expected):
    windows = plan_windows([length], window)
    assert windows.starts.dtype == windows.ends.dtype == np.int64
    assert spans(windows) == expected


def steps_as_the_original_lists_them(n, w):
    k = -(-n // w)
    surplus = k * w - n
    low = surplus // k
    need = surplus - low * (k - 1)
    steps = ([low + 1] * need + [low] * (k - 1 - need) + [0])[:k]
    starts = [j * w - sum(steps[:j]) for j in range(k)]
    return [(start, min(start + w, n)) for start in starts]


@pytest.mark.parametrize("window", [1, 2, 3, 7, 30])
def test_every_length_as_the_original_lists_its_steps(window):
    for length in range(1, 200):
        assert spans(plan_windows([length], window)) == steps_as_the_original_lists_them(length, window)


@pytest.mark.parametrize(
    ("length", "window", "expected"),
    [
        (174, 500, [(0, 174)]),
        (501, 500, [(0, 500), (1, 501)]),
        (1001, 500, [(0, 500), (250, 751), (501, 1001)]),  # nothing of 500 bases has its middle there
        (1999, 500, [(0, 500), (500, 1000), (999, 1499), (1499, 1999)]),
    ],
)
def test_even_windows_by_hand(length, window, expected):
    assert spans(plan_windows([length], window, "even")) == expected


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("window", [1, 2, 3, 7, 30])
def test_windows_cover_every_base(window, layout):
    for length in range(200):
        found = spans(plan_windows([length], window, layout))
        assert len(found) == count_windows([length], window)[0] == -(-length // window)
        assert {base for start, end in found for base in range(start, end)} == set(range(length))
        assert all(0 < end - start <= window + (layout == "even") for start, end in found)


@pytest.mark.parametrize("window", [1, 2, 3, 7, 30, 31])
def test_even_windows_are_their_own_mirror_images(window):
    for length in range(1, 300):
        found = spans(plan_windows([length], window, "even"))
        assert found == [(length - end, length - start) for start, end in reversed(found)]
        middle = found[len(found) // 2] if len(found) % 2 else None
        assert all(span == middle or span[1] - span[0] == min(window, length) for span in found)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_genome_of_many_windows(layout):
    windows = plan_windows([3_000_000_001], 3000, layout)[-2:]
    assert windows.numbers.tolist() == [1_000_000, 1_000_001]
    assert windows.ends.tolist()[-1] == 3_000_000_001


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_records_are_each_cut_alone(layout):
    lengths = [length for length, window, _ in WORKED if window == 500]
    lengths.insert(2, 0)
    windows = plan_windows(lengths, 500, layout)
    for row, length in enumerate(lengths):
        mine = windows.record_rows == row
        assert list(zip(windows.starts[mine], windows.ends[mine], strict=True)) == spans(
            plan_windows([length], 500, layout)
        )
        assert windows.numbers[mine].tolist() == list(range(1, mine.sum() + 1))
    assert windows.record_rows.tolist() == sorted(windows.record_rows.tolist())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_has_no_window(layout):
    assert len(plan_windows([0], 500, layout)) == len(plan_windows([], 500, layout)) == 0


@pytest.mark.parametrize("window", [0, -300])
def test_a_window_needs_bases(window):
    with pytest.raises(ConfigError, match=f"not {window}"):
        plan_windows([10], window)


def test_a_length_is_not_negative():
    with pytest.raises(ConfigError, match="-3 bases"):
        count_windows([5, -3], 500)


def test_words_of_tables():
    assert [status.word for status in WindowStatus] == ["scored", "no_open_frame", "too_short", "ambiguous"]


def letters_of(table):
    letters = to_letters(table.codes)
    return [letters[start : start + n] for start, n in zip(table.starts.tolist(), table.lengths.tolist(), strict=True)]


@pytest.fixture(scope="module")
def sequences():
    generator = np.random.default_rng(8)
    return ["".join(generator.choice(list("ACGTN"), length)) for length in (50, 2000, 0, 1, 333, 70)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chosen", [slice(None), slice(3, 40), slice(0, 0), slice(5, None, 3), slice(None, None, -1)])
def test_windows_are_slices_of_their_records(sequences, layout, chosen):
    windows = plan_windows([len(sequence) for sequence in sequences], 60, layout)[chosen]
    wanted = [
        sequences[record][start:end].encode()
        for record, start, end in zip(windows.record_rows, windows.starts, windows.ends, strict=True)
    ]
    table = cut_windows(clean_sequences(sequences), windows)
    assert letters_of(table) == wanted
    assert table.ambiguous.tolist() == [letters.count(b"N") for letters in wanted]


def test_a_few_windows_of_a_long_record_take_only_their_bases(sequences):
    windows = plan_windows([len(sequence) for sequence in sequences], 60)
    of_the_long_one = windows[10:14]
    assert set(of_the_long_one.record_rows.tolist()) == {1}
    table = cut_windows(clean_sequences(sequences), of_the_long_one)
    assert len(table.codes) == of_the_long_one.ends[-1] - of_the_long_one.starts[0] < 4 * 60


def test_codons_have_numbers():
    table = cut_windows(clean_sequences(["ACGTNA"]), plan_windows([6], 10))
    assert table.codes.tolist() == [0, 1, 2, 3, 14, 0]
    assert table.codons.tolist() == [7, 38, 69, 25 * 3 + 20, 124, 124]


def test_codons_at_the_borders_of_blocks():
    codes = np.random.default_rng(3).integers(0, 4, 3 * BLOCK + 5).astype(np.uint8)
    codons, digits = number_codons(codes), codes.astype(int)
    assert (codons[:-2] == 25 * digits[:-2] + 5 * digits[1:-1] + digits[2:]).all()
    found, phases = find_stops(codons, 1), np.arange(len(codes)) % 3
    forward, reverse = (np.isin(codons, [25 * a + 5 * b + c for a, b, c in stops]) for stops in STOPS)
    assert (found == (forward << phases) + (reverse << 3 + phases)).all()
