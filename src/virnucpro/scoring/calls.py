"""From the windows of a record to its call.

A record's score is the mean of its windows' scores, or what a calibration makes of all of them. The largest score would
grow with the number of windows, and so call every long contig a virus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from virnucpro.records import Record
from virnucpro.scoring.call_rule import CallRule
from virnucpro.scoring.scores import ScoredWindow
from virnucpro.sequences.windows import Outcome

__all__ = ["VIRUS", "Call", "call_record", "with_windows"]

VIRUS, OTHERS, UNCALLED = "virus", "others", "uncalled"


@dataclass(frozen=True, slots=True)
class Call:
    """What was found for one record."""

    name: str  # its id
    length_bp: int  # letters of its sequence
    windows: int  # its windows, and those of them with a score
    scored: int  # its windows, and those of them with a score
    virus_score: float | None  # 0 to 1; None when no window has a score
    call: str  # ``virus``, ``others`` or ``uncalled``
    # ``scored``, or why there is no score: ``empty``, ``no_open_frame``, ``too_short``, ``ambiguous``, ``failed``
    status: str
    best_window: ScoredWindow | None  # the window with the highest score, the first of them
    # estimated share of false ones among all that would be called from this score on; None without a calibration
    fdr: float | None = None


def call_record(record: Record, windows: Sequence[ScoredWindow], rule: CallRule | None = None) -> Call:
    """Call one record."""
    length_bp = len("".join(record.sequence.split()))
    scored = [window for window in windows if window.frames]
    if not scored:
        status = _why_unscored(windows)
        return Call(record.id, length_bp, len(windows), 0, None, UNCALLED, status, None)
    found = (rule or CallRule()).verdict(scored, _covered_bp(scored))
    best = max(scored, key=lambda window: window.virus_score)
    call = VIRUS if found.is_virus else OTHERS
    return Call(record.id, length_bp, len(windows), len(scored), found.virus_score, call, "scored", best, found.fdr)


def _covered_bp(windows: Iterable[ScoredWindow]) -> int:
    """Bases that windows of one record cover, in order; they overlap, and there are gaps where one has no score."""
    covered = end = 0
    for window in windows:
        covered += window.end - max(window.start, end)
        end = window.end
    return covered


def _why_unscored(windows: Sequence[ScoredWindow]) -> str:
    """The commonest outcome; a window with frames but without a score failed in the encoders."""
    if not windows:
        return "empty"
    outcome, _ = Counter(window.outcome for window in windows).most_common(1)[0]
    return "failed" if outcome is Outcome.FRAMES else outcome.word


def with_windows(
    records: Iterable[Record], windows: Iterable[ScoredWindow]
) -> Iterator[tuple[Record, list[ScoredWindow]]]:
    """Bring records and their windows together, both in file order; holds the windows of one record at a time."""
    groups = groupby(windows, key=lambda window: window.record_number)
    number, group = next(groups, (None, iter(())))
    for record in records:
        if record.number != number:
            yield record, []
            continue
        yield record, list(group)
        number, group = next(groups, (None, iter(())))
