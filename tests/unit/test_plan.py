"""Parts are planned from lengths alone, cover every unit once, and know their records by digest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virnucpro.runs.plan import PartSize, Plan, Planner, content_sha256


def plan_of(lengths, units_of=lambda letters: -(-letters // 10), size=None):
    planner = Planner(units_of, size or PartSize(4, 10**9))
    for number, letters in enumerate(lengths):
        planner.add([b"%d" % number, b"A" * letters], letters)
    return planner.finish([len(lengths)])


@given(st.lists(st.integers(0, 200), max_size=30), st.integers(1, 7))
def test_parts_cover_every_unit_once_and_every_letter(lengths, units):
    plan = plan_of(lengths, size=PartSize(units, 10**9))
    covered = []
    for part in plan.parts:
        assert 0 < part.units <= units or all(n == 0 for n in lengths[part.first_record :][: part.records])
        left = part.units
        for record in range(part.first_record, part.first_record + part.records):
            first = part.first_unit if record == part.first_record else 0
            own = min(-(-lengths[record] // 10) - first, left)
            covered += [(record, unit) for unit in range(first, first + own)]
            left -= own
        assert left == 0
        contents = [[b"%d" % n, b"A" * lengths[n]] for n in range(part.first_record, part.first_record + part.records)]
        assert content_sha256(contents) == part.sha256
    assert covered == [(record, unit) for record, n in enumerate(lengths) for unit in range(-(-n // 10))]
    assert plan.letters == sum(lengths)
    assert plan.records == len(lengths)


def test_empty_records_fill_parts_too():
    assert [part.records for part in plan_of([0] * 9).parts] == [4, 4, 1]


def test_letters_bound_parts_of_records():
    plan = plan_of([60, 60, 200, 10], units_of=lambda _: 1, size=PartSize(100, 100))
    assert [(part.first_record, part.records) for part in plan.parts] == [(0, 1), (1, 1), (2, 1), (3, 1)]


def test_a_record_of_the_same_letters_under_another_name_has_another_digest():
    assert content_sha256([[b"a", b"CC"]]) != content_sha256([[b"aC", b"C"]]) != content_sha256([[b"b", b"CC"]])


def test_a_plan_is_read_back_and_damage_is_refused():
    plan = plan_of([5, 45, 0])
    content = json.loads(json.dumps(plan.to_json()))
    assert Plan.from_json(content) == plan
    for damage in (
        lambda c: c["parts"][0].update(units=-1),
        lambda c: c["parts"][0].update(units=2.5),
        lambda c: c["parts"][0].update(number=7),
        lambda c: c["parts"][0].pop("sha256"),
        lambda c: c.update(parts=3),
    ):
        damaged = json.loads(json.dumps(content))
        damage(damaged)
        with pytest.raises(ValueError, match=r"plan|count|parts"):
            Plan.from_json(damaged)
