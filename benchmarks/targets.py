"""What is aimed at on two cores with AMX, and whether a run met it; every ratio is of rows of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Row = dict[str, Any]


def _pace(rows: list[Row], kind: str, engine: str, dtype: str) -> float:
    return next(
        float(row["tokens_per_s"])
        for row in rows
        if (row.get("kind"), row.get("engine"), row.get("dtype")) == (kind, engine, dtype) and row["stage"] != "curve"
    )


def _share(rows: list[Row], kind: str) -> float:
    return next(
        float(row["mfu"])
        for row in rows
        if row.get("kind") == kind and row["engine"] == "virnucpro" and row["dtype"] == "bf16" and row["mfu"]
    )


def _against(rows: list[Row], rival: str, dtype: str) -> float:
    return _pace(rows, "proteome", "virnucpro embed", "bf16") / _pace(rows, "proteome", rival, dtype)


def _windows(rows: list[Row]) -> float:
    return min(row["tokens"] / row["plain"] for row in rows if row["part"] == "windows")


def _memory(rows: list[Row]) -> float:
    return max(
        float(row["memory_gb"]) for row in rows if row.get("engine") == "virnucpro embed" and row["part"] != "dna"
    )


def _grown(rows: list[Row], verb: str, what: str, fewest: int = 0) -> float:
    """How much more many more sequences take of something than the fewest, at the worst size."""
    own = [row for row in rows if row["part"] == "growth" and row["verb"] == verb and row["sequences"] >= fewest]
    found = [float(row[what]) for row in own]
    return max(found[1:]) / found[0] - 1


def _seconds(rows: list[Row], what: str) -> float:
    return next(float(row["seconds"]) for row in rows if row["part"] == "startup" and what in row["what"])


Measure = Callable[[list[Row]], float]
TARGETS: list[tuple[str, Measure, str, Callable[[float], bool]]] = [
    ("650M end to end at least 1.5 times transformers bf16, sorted",
     lambda r: _against(r, "transformers, sorted", "bf16"), "{:.2f} times", lambda x: x >= 1.5),
    ("650M end to end at least 8 times transformers fp32, as written",
     lambda r: _against(r, "transformers, as written", "fp32"), "{:.1f} times", lambda x: x >= 8),
    ("650M, equal lengths: at least 60 % of the bf16 matrix peak", lambda r: _share(r, "equal"), "{:.1%}",
     lambda x: x >= 0.6),
    ("DNABERT-S at least 6 times VirNucPro's loop",
     lambda r: _pace(r, "dna500", "virnucpro", "bf16") / _pace(r, "dna500", "one by one", "fp32"), "{:.1f} times",
     lambda x: x >= 6),
    ("windows, ORFs and protein tokens, worst input: at least 100 times the original's way", _windows, "{:.0f} times",
     lambda x: x >= 100),
    ("peak memory of embed, 650M in bf16: at most 2.2 GB", _memory, "{:.2f} GB", lambda x: x <= 2.2),
    ("predict with mini: at least 500 reads of 500 bp a second, start-up and all",
     lambda r: next(float(row["reads_per_s"]) for row in r if row["part"] == "reads"), "{:.0f}/s", lambda x: x >= 500),
    ("predict, 200 times 1,000 reads: time each within 5 %", lambda r: _grown(r, "predict", "each"), "{:+.0%}",
     lambda x: x <= 0.05),
    ("predict, 200 times 1,000 reads: memory within 10 %", lambda r: _grown(r, "predict", "memory_gb"), "{:+.0%}",
     lambda x: x <= 0.1),
    ("predict, 10 times 20,000 reads, which are two parts: memory within 10 %",
     lambda r: _grown(r, "predict", "memory_gb", 20_000), "{:+.0%}", lambda x: x <= 0.1),
    ("embed, 100 times the proteins: time each within 5 %", lambda r: _grown(r, "embed", "each"), "{:+.0%}",
     lambda x: x <= 0.05),
    ("embed, 100 times the proteins: memory within 10 %", lambda r: _grown(r, "embed", "memory_gb"), "{:+.0%}",
     lambda x: x <= 0.1),
    ("virnucpro --help in under 0.2 s", lambda r: _seconds(r, "--help"), "{:.2f} s", lambda x: x < 0.2),
    ("nothing left to do, 1,000 finished files: under 2 s", lambda r: _seconds(r, "finished"), "{:.2f} s",
     lambda x: x < 2),
]  # fmt: skip


def verdicts(rows: list[Row]) -> Iterator[tuple[str, str, str]]:
    """Target, figure and verdict, of what was measured."""
    for name, measure, form, is_met in TARGETS:
        try:
            figure = measure(rows)
        except (StopIteration, ValueError, IndexError):
            yield name, "", "not measured"
            continue
        yield name, form.format(figure), "met" if is_met(figure) else "missed"
