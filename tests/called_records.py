"""Called records as the writers of `predict` get them, made by hand."""

import numpy as np

from calibration_by_hand import CALIBRATION
from scored_rows import scored_windows
from virnucpro.records import Record
from virnucpro.runs.results import Results
from virnucpro.scoring.calibration import Calibration
from virnucpro.scoring.call_warnings import warn_of
from virnucpro.scoring.calls import call_records
from virnucpro.scoring.regions import find_regions
from virnucpro.scoring.rule import CallRule
from virnucpro.verbs.window_rows import ambiguous_letters
from virnucpro.writers.tally import Tally
from virnucpro.writers.writer import CalledRecords, SampleFacts

RULE = CallRule(Calibration.from_dict(CALIBRATION))


def facts_of(**more):
    return SampleFacts(**{"sample": "gut", "rule": RULE} | more)


def called_records(records, *windows, rule=RULE, mates=()):
    """Call records of (header, sequence) or (header, sequence, qualities) by windows as `scored_windows` takes them."""
    made, second = (
        [Record(number, *record) for number, record in enumerate(some, start=1)] for some in (records, mates)
    )
    scored = scored_windows(*windows)
    scores = rule.window_scores(scored)
    lengths_bp = np.array([len(record.sequence) for record in made], np.int64)
    if second:
        lengths_bp += [len(record.sequence) for record in second]
    ambiguous = np.array([ambiguous_letters(record) for record in made], np.int64)
    calls = call_records(lengths_bp, scored, scores, rule)
    regions = find_regions(calls, scored, scores, rule)
    return CalledRecords(
        made, calls, scored, scores, regions, warn_of(calls, scored, scores, regions, (), ambiguous), second
    )


def written(tmp_path, writer, facts, *called):
    """Write with one writer; gives the bytes of every file."""
    with Results(tmp_path / "scratch", tmp_path) as results:
        made, tally = writer(results, facts), Tally(len(facts.classes))
        for some in called:
            tally.add(some)
            made.write(some)
        made.complete(tally)
        names = [one.path for one in results.close([], None)]
        results.publish()
    assert set(names) <= set(writer.files(facts))
    return {name: (tmp_path / name).read_bytes() for name in names}
