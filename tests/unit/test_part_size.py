"""Parts are small enough that a kill costs little, whatever the records are."""

import pytest

from virnucpro.models.placement import choose_placement
from virnucpro.runs.plan import Planner
from virnucpro.verbs.encoders import parameters
from virnucpro.verbs.part_size import MAX_LETTERS, MAX_RECORDS, MAX_WINDOWS, part_of_records, part_of_windows
from virnucpro.verbs.window_rows import WindowSettings

CPU = choose_placement("cpu", "fp32")


@pytest.mark.parametrize("min_length_bp", [0, 100])
def test_many_short_reads_are_not_one_part(min_length_bp):
    """Reads of 5 bases, with a window each or with none."""
    settings = WindowSettings(500, "open", 1, "original", min_length_bp)
    planner = settings.planner(part_of_windows(CPU, 2e6, 500, None))
    for _ in range(25_000):
        planner.add((b"r", b"ACGTA"), 5)
    plan = planner.finish([25_000])
    assert len(plan.parts) >= 3
    assert max(part.records for part in plan.parts) <= MAX_WINDOWS


def test_many_short_proteins_are_not_one_part():
    planner = Planner(lambda _: 1, part_of_records(CPU, 1.0, None))
    for _ in range(25_000):
        planner.add((b"p", b"M"), 1)
    assert max(part.records for part in planner.finish([25_000]).parts) <= MAX_RECORDS


@pytest.mark.parametrize("flop_per_token", [1.0, 2e6, 2e8, 1.2e9, 3e10])
def test_a_part_is_never_empty_and_what_was_asked_for_is_taken(flop_per_token):
    assert 1 <= part_of_windows(CPU, flop_per_token, 500, None).units <= MAX_WINDOWS
    assert part_of_windows(CPU, flop_per_token, 500, 7).units == 7
    assert part_of_records(CPU, flop_per_token, None).letters >= 1
    assert part_of_records(CPU, flop_per_token, 7).units == 7


def test_parts_of_mini_are_worth_saving():
    """A thread without AMX embeds about 1 Mb/s: 10,000 reads take 2 s, 10,000 windows half a minute."""
    one_thread = 2 * parameters("mini")
    assert part_of_windows(CPU, one_thread, 3000, None).units == MAX_WINDOWS
    assert part_of_records(CPU, one_thread, None).letters == MAX_LETTERS
    for large in ("esm2-650m", "dnabert-s"):
        assert part_of_windows(CPU, 2 * parameters(large), 500, None).units < 500
