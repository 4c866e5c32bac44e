"""What is aimed at on two cores, and whether a sitting met it. Every ratio is of pairs that ran in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks.growth import FULL_PART
from benchmarks.pairs import Interval

Row = dict[str, Any]
Measure = Callable[[list[Row]], Interval]


def _row(rows: list[Row], **wanted: object) -> Row:
    """The row that is wanted; IndexError where it was not measured."""
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())][0]  # noqa: RUF015


def _times(rows: list[Row], part: str, what: str, ours: dict[str, str], rival: dict[str, str]) -> Interval:
    """How many times as fast as a rival this package is."""
    return Interval.of_ratios(_row(rows, part=part, **rival)[what], _row(rows, part=part, **ours)[what])


def _files(what: str) -> Measure:
    ours, rival = {"engine": "virnucpro embed"}, {"engine": "transformers, sorted"}
    return lambda rows: _times(rows, "files", what, ours, rival)


def _share(rows: list[Row]) -> Interval:
    row = _row(rows, part="equal", engine="virnucpro", dtype="bf16")
    return Interval.of([work / peak for work, peak in zip(row["flop_per_s"], row["peak_flops"], strict=True)])


def _windows(rows: list[Row]) -> Interval:
    found = [Interval.of_ratios(row["tokens"], row["plain"]) for row in rows if row["part"] == "windows"]
    return min(found, key=lambda interval: interval.median)


def _reads_per_s(rows: list[Row]) -> Interval:
    row = _row(rows, part="reads", engine="virnucpro")
    return Interval.of([row["reads"] / seconds for seconds in row["seconds"]])


def _seconds(what: str) -> Measure:
    return lambda rows: Interval.of(_row(rows, part="startup", what=what)["seconds"])


def _each(verb: str, more: int) -> Measure:
    """How much more time a sequence takes among `more` times as many as the fewest; each pair by itself."""

    def measure(rows: list[Row]) -> Interval:
        own = [row for row in rows if row["part"] == "growth" and row["verb"] == verb]
        fewest = min(row["sequences"] for row in own)
        few, many = (_row(own, sequences=count)["each"] for count in (fewest, more * fewest))
        return Interval.of([b / a - 1 for a, b in zip(few, many, strict=True)])

    return measure


def _memory(verb: str) -> Measure:
    """How much more memory the most sequences take than one full part."""

    def measure(rows: list[Row]) -> Interval:
        own = [row for row in rows if row["part"] == "growth" and row["verb"] == verb]
        full = [row["memory_gb"] for row in own if row["sequences"] >= FULL_PART[verb]]
        return alone(max(full) / full[0] - 1)

    return measure


def alone(figure: float) -> Interval:
    """A figure that noise hardly changes."""
    return Interval(figure, figure, figure, 0)


Target = tuple[str, Measure, str, Callable[[float], bool]]
TARGETS: list[Target] = [
    ("650M, file to file with loading: at least 1.5 times transformers bf16, sorted", _files("whole"), "{:.2f}",
     lambda x: x >= 1.5),
    ("650M, after loading: at least 2 times transformers bf16, sorted", _files("after_loading"), "{:.2f}",
     lambda x: x >= 2),
    ("650M from a file in the page cache in at most 3 s",
     lambda r: Interval.of(_row(r, part="loading", engine="virnucpro")["seconds"]), "{:.2f} s", lambda x: x <= 3),
    ("loading, peak memory: at most 1.32 times the weights in bf16 (1.30 GB)",
     lambda r: alone(_row(r, part="loading", engine="virnucpro")["memory_gb"] / 1.303), "{:.2f}", lambda x: x <= 1.32),
    ("peak memory of embed, 650M in bf16: at most 2.2 GB",
     lambda r: alone(_row(r, part="files", engine="virnucpro embed")["memory_gb"]), "{:.2f} GB", lambda x: x <= 2.2),
    ("650M, equal lengths: at least 70 % of the bf16 matrix peak", _share, "{:.0%}", lambda x: x >= 0.7),
    ("DNABERT-S at least 6 times the loop of the original VirNucPro",
     lambda r: _times(r, "dna", "seconds", {"engine": "virnucpro"}, {"engine": "one by one"}), "{:.1f}",
     lambda x: x >= 6),
    ("windows, ORFs and protein tokens, worst input: at least 100 times the original's way", _windows, "{:.0f}",
     lambda x: x >= 100),
    ("predict with mini: at least 500 reads of 500 bp a second, start-up and all", _reads_per_s, "{:.0f}/s",
     lambda x: x >= 500),
    *(
        (f"{verb}, {more} times 1,000 sequences: time each within 10 %", _each(verb, more), "{:+.0%}",
         lambda x: x <= 0.1)
        for verb in ("predict", "embed") for more in (10, 100)
    ),
    *(
        (f"{verb}, from one full part on: memory within 10 %", _memory(verb), "{:+.0%}", lambda x: x <= 0.1)
        for verb in ("predict", "embed")
    ),
    ("virnucpro --help in under 0.2 s", _seconds("virnucpro --help"), "{:.2f} s", lambda x: x < 0.2),
    ("virnucpro predict with mini, one sequence: at most 1.0 s", _seconds("virnucpro predict, one sequence"),
     "{:.2f} s", lambda x: x <= 1.0),
    ("nothing left to do, 1,000 finished files: under 2 s", _seconds("virnucpro embed, 1,000 finished files"),
     "{:.2f} s", lambda x: x < 2),
]  # fmt: skip


def verdicts(rows: list[Row], targets: Iterable[Target] = TARGETS) -> Iterator[tuple[str, str, str]]:
    """Target, figure with interval, and verdict, of what was measured."""
    for name, measure, form, is_met in targets:
        try:
            found = measure(rows)
        except (ValueError, IndexError):
            yield name, "", "not measured"
            continue
        if found.count:
            yield name, found.text(form), found.verdict(is_met)
        else:
            yield name, form.format(found.median), "met" if is_met(found.median) else "missed"
