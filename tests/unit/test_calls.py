"""From scores of frames to calls of windows and records."""

from dataclasses import replace

import numpy as np
import pytest
from virnucpro.scoring.call_rule import CallRule
from virnucpro.scoring.scores import PartScores, ScoredFrame, ScoredWindow
from virnucpro.sequences.frames import find_frames
from virnucpro.verbs.framing import frame_parts

from virnucpro.records import Record
from virnucpro.scoring.calls import call_record, with_windows
from virnucpro.sequences.windows import Outcome


def window(*pairs, number=1, record=1, outcome=Outcome.FRAMES):
    frames = tuple(ScoredFrame(i, np.float32(1 - virus), np.float32(virus)) for i, virus in enumerate(pairs))
    return ScoredWindow(record, number, 0, 9, outcome, frames)


@pytest.mark.parametrize(
    ("virus_scores", "is_virus"),
    [((0.9,), True), ((0.4,), False), ((0.5,), True), ((0.4, 0.7), True), ((0.1, 0.7), False), ((0.3, 0.7), True)],
)
def test_a_window_is_a_virus_when_its_best_virus_score_is_at_least_its_best_other(virus_scores, is_virus):
    """0.1 and 0.7: the best score of other is 0.9, which is more than 0.7."""
    scored = window(*virus_scores)
    assert scored.is_virus is is_virus
    assert (scored.virus_score >= 0.5) is is_virus


def test_a_record_s_score_is_the_mean_of_its_windows_and_does_not_grow_with_their_number():
    record = Record(1, "contig", "A" * 90)
    few = [window(0.9, number=1), window(0.2, number=2)]
    call = call_record(record, few)
    assert call.virus_score == pytest.approx(0.55)
    assert (call.call, call.status, call.windows, call.scored) == ("virus", "scored", 2, 2)
    assert call.best_window is few[0]
    assert call_record(record, few * 50).virus_score == pytest.approx(call.virus_score)
    assert call_record(record, few, CallRule(min_score=0.6)).call == "others"


@pytest.mark.parametrize(
    ("windows", "status"),
    [
        ([], "empty"),
        ([window(outcome=Outcome.NO_OPEN_FRAME)] * 2 + [window(outcome=Outcome.AMBIGUOUS)], "no_open_frame"),
        ([window(outcome=Outcome.TOO_SHORT)], "too_short"),
        ([window(outcome=Outcome.AMBIGUOUS)], "ambiguous"),
        ([window(outcome=Outcome.FRAMES)], "failed"),
    ],
)
def test_a_record_without_a_score_says_why(windows, status):
    call = call_record(Record(1, "x", "AC"), windows)
    assert (call.virus_score, call.call, call.status, call.best_window) == (None, "uncalled", status, None)


@pytest.mark.parametrize(
    ("places", "bases"), [([(0, 500), (400, 900)], 900), ([(0, 500), (1000, 1500)], 1000), ([(700, 900)], 200)]
)
def test_a_record_is_judged_by_the_bases_that_scored_windows_cover(places, bases):
    seen = []

    class Recording(CallRule):
        def verdict(self, scored, scored_bp):
            seen.append(scored_bp)
            return CallRule().verdict(scored, scored_bp)

    windows = [replace(window(0.9, number=n), start=start, end=end) for n, (start, end) in enumerate(places, 1)]
    lost = [replace(window(outcome=Outcome.AMBIGUOUS, number=9), start=1500, end=5000)]
    assert call_record(Record(1, "x", "A" * 5000), [*windows, *lost], Recording()).length_bp == 5000
    assert seen == [bases]


def test_every_record_meets_its_own_windows_whatever_its_id():
    records = [Record(number, "same", "A") for number in (1, 2, 3, 4)]
    windows = [window(0.9, record=2), window(0.8, record=2, number=2), window(0.1, record=4)]
    paired = list(with_windows(records, windows))
    assert [record.number for record, _ in paired] == [1, 2, 3, 4]
    assert [[w.record_number for w in own] for _, own in paired] == [[], [2, 2], [], [4]]


def test_scores_in_columns_come_back_as_windows():
    part = PartScores(
        np.array([1, 1, 3]), np.array([1, 2, 1]), np.array([0, 5, 0]), np.array([9, 14, 9]),
        np.array([0, 1, 0], np.uint8), np.array([0, 0, 2]), np.array([0, 4, 2], np.uint8),
        np.array([[0.2, 0.8], [0.6, 0.4], [0.7, 0.3]], np.float32),
    )  # fmt: skip
    windows = list(part)
    assert [len(w.frames) for w in windows] == [2, 0, 1]
    assert windows[0].frames[1].frame_index == 4
    assert windows[1].outcome is Outcome.NO_OPEN_FRAME
    assert list(part.columns()) == [
        "record_numbers", "numbers", "starts", "ends", "outcomes", "window_rows", "frame_indices", "scores",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def genomes():
    generator = np.random.default_rng(4)
    return [
        Record(i, f"g{i % 3}", "".join(generator.choice(list("ACGT"), int(n))))
        for i, n in enumerate([900, 40, 0, 2500, 3, 700, 120], start=1)
    ]


@pytest.mark.parametrize("chunk_bases", [1, 1000, 10**6])
@pytest.mark.parametrize("max_rows", [1, 7, 10**6])
def test_parts_hold_every_window_once_with_its_frames(genomes, monkeypatch, max_rows, chunk_bases):
    monkeypatch.setattr("virnucpro.verbs.framing.CHUNK_BASES", chunk_bases)
    parts = list(frame_parts(iter(genomes), 120, max_rows=max_rows))
    whole = find_frames(genomes, 120)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert [w for part in parts for w in part.windows] == list(whole.windows)
    frames = [frame for part in parts for frame in part.frames]
    assert [(f.record_number, f.id, f.protein, f.nucleotides) for f in frames] == [
        (f.record_number, f.id, f.protein, f.nucleotides) for f in whole
    ]
    for part in parts:
        assert len(part.frames) <= max_rows or len({frame.window_row for frame in part.frames}) == 1
        for frame in part.frames:
            own = part.windows[frame.window_row]
            assert frame.id.startswith(own.id)
            assert frame.record_number == own.record_number
