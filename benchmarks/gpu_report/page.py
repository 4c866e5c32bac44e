"""The page: targets first, then every section with its rows or the end of its error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from benchmarks import targets
from benchmarks.pairs import Interval
from benchmarks.table import table

Row = dict[str, Any]
INTERVAL = {field.name for field in fields(Interval)}


def _pace(rows: list[Row], section: str, contestant: str, what: str = "tokens_per_s") -> Interval:
    found = [row[what] for row in rows if row["section"] == section and row.get("contestant") == contestant]
    return Interval(**found[0])


def _ratio(rows: list[Row], name: str) -> Interval:
    return Interval(**[row["value"] for row in rows if row.get("ratio") == name][0])  # noqa: RUF015


def _best_share(rows: list[Row], section: str) -> Interval:
    """Of all budgets of tokens that were tried in float16."""
    own = ("virnucpro, fp16", "budget, fp16")
    found = [Interval(**row["mfu"]) for row in rows if row["section"] == section and row.get("contestant") in own]
    return max(found, key=lambda interval: interval.median)


def _per_minute(rows: list[Row]) -> Interval:
    return Interval.of([row["reads_per_minute"] for row in rows if row.get("what") == "all reads"])


def _unsound(rows: list[Row]) -> Interval:
    found = [bool(row["sound"]) for row in rows if "sound" in row]
    if not found:
        raise IndexError("nothing was compared")
    return targets.alone(found.count(False))


TARGETS: Sequence[targets.Target] = (
    ("650M, fp16, pooled, mean length 350: at least 250,000 real tokens/s",
     lambda r: _pace(r, "proteins", "virnucpro, fp16"), "{:,.0f}/s", lambda x: x >= 250_000),
    ("the same: at least 45 % of the peak of matrix products",
     lambda r: _pace(r, "proteins", "virnucpro, fp16", "mfu"), "{:.1%}", lambda x: x >= 0.45),
    ("650M at the best budget: at least 45 % of the peak",
     lambda r: _best_share(r, "proteins"), "{:.1%}", lambda x: x >= 0.45),
    ("from FASTA to files: at least 90 % of the encoder alone",
     lambda r: _ratio(r, "virnucpro embed over virnucpro, fp16"), "{:.1%}", lambda x: x >= 0.9),
    ("at least 2 times transformers sdpa, sorted, fp16",
     lambda r: _ratio(r, "virnucpro over transformers sdpa sorted, fp16"), "{:.2f} times", lambda x: x >= 2),
    ("the same in bf16",
     lambda r: _ratio(r, "virnucpro over transformers sdpa sorted, bf16"), "{:.2f} times", lambda x: x >= 2),
    ("DNABERT-S, fp16: at least 30 % of the peak",
     lambda r: _pace(r, "dna", "virnucpro, fp16", "mfu"), "{:.1%}", lambda x: x >= 0.3),
    ("DNABERT-S at the best budget: at least 30 % of the peak",
     lambda r: _best_share(r, "dna"), "{:.1%}", lambda x: x >= 0.3),
    ("mini: at least 1,000,000 reads of 150 bp a minute", _per_minute, "{:,.0f}/min", lambda x: x >= 1e6),
    ("parity and memory: rows that are not sound", _unsound, "{:.0f}", lambda x: x == 0),
)  # fmt: skip


def verdicts(rows: list[Row]) -> Iterator[tuple[str, str, str]]:
    """Target, figure with interval, and verdict."""
    return targets.verdicts(rows, TARGETS)


def page(rows: list[Row], titles: dict[str, str], note: str) -> str:
    """Markdown."""
    parts = ["# GPU report", note, "## Targets", table("target | figure | verdict", verdicts(rows))]
    for name, title in titles.items():
        own = [{key: value for key, value in row.items() if key != "section"} for row in rows if row["section"] == name]
        if not own:
            continue
        parts.append(f"## {title}")
        parts += [_table(group) for group in _alike([row for row in own if "ended" not in row])]
        for row in own:
            if "ended" in row:
                parts.append(f"{row['ended'].capitalize()}, {row['section_s']:.1f} s.")
                parts += ["```\n" + "\n".join(row["error"]) + "\n```"] if "error" in row else []
    return "\n\n".join(parts) + "\n"


def _alike(rows: list[Row]) -> Iterator[list[Row]]:
    """Neighbours with the same columns."""
    group: list[Row] = []
    for row in rows:
        if group and list(group[0]) != list(row):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _table(rows: list[Row]) -> str:
    return table(" | ".join(rows[0]), ([_cell(value) for value in row.values()] for row in rows))


def _cell(value: object) -> str:
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "<br>".join(one.replace("|", "\\|") for one in value)
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, dict) and set(value) == INTERVAL:
        return f"{_cell(value['median'])} ({_cell(value['low'])} to {_cell(value['high'])}, n = {value['count']})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(one)}" for key, one in value.items())
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}" if abs(value) >= 0.9 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).replace("|", "\\|")
