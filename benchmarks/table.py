"""The tables of ``docs/performance.md``, from the rows of the last run: ``python -m benchmarks.table``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.__main__ import RESULTS
from benchmarks.targets import verdicts

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- begin {device}: python -m benchmarks.table -->", "<!-- end {device} -->"
HALF_COSINE = 0.9995
"""Least cosine of a vector that half precision is allowed; as in the tests."""
FP32_DISTANCE = 2e-5

Row = dict[str, Any]


def table(header: str, rows: Iterable[Iterable[object]]) -> str:
    """Markdown."""
    columns = header.split(" | ")
    lines = [f"| {header} |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def is_sound(row: Row) -> bool:
    """Whether a row is complete and as near to float32 as its number format allows."""
    near = row["max_abs"] <= FP32_DISTANCE if row["dtype"] == "fp32" else row["cosine"] >= HALF_COSINE
    return bool(row["complete"] and near)


def engines(rows: list[Row]) -> str:
    """Speed beside parity and completeness."""
    header = (
        "sequences | engine | number format | tokens/s | spread | share of peak | peak memory | max_abs | cosine | "
        "per residue | rows / records | sound"
    )
    return table(
        header,
        (
            (
                row["kind"], row["engine"], row["dtype"], f"{row['tokens_per_s']:,.0f}", spread(row["seconds"]),
                f"{row['mfu']:.0%}" if row["mfu"] else "", f"{row['memory_gb']:.2f} GB", f"{row['max_abs']:.1e}",
                f"{row['cosine']:.6f}", f"{row['residue_cosine']:.6f}" if row["residue_cosine"] else "",
                f"{row['rows']} / {row['sequences']}", "yes" if is_sound(row) else "NO",
            )
            for row in rows
            if row.get("stage") in ("engine", "end to end")
        ),
    )  # fmt: skip


def spread(seconds: list[float]) -> str:
    """Longest over shortest repetition: 1.0 on a machine with nothing else to do."""
    return f"{max(seconds) / min(seconds):.2f}"


def curve(rows: list[Row]) -> str:
    """Speed over the budget of a batch."""
    found = [row for row in rows if row.get("stage") == "curve"]
    return table(
        "tokens of a batch | tokens/s | share of peak | peak memory",
        (
            (f"{row['max_tokens']:,}", f"{row['tokens_per_s']:,.0f}", f"{row['mfu']:.0%}", f"{row['memory_gb']:.2f} GB")
            for row in found
        ),
    )


def windows(rows: list[Row]) -> str:
    """Million bases per second of one thread's time."""
    found = [row for row in rows if row["part"] == "windows"]
    return table(
        "input | window | protein tokens ready | ids and nucleotides too | the original's way | ratio",
        (
            (
                row["input"], row["window_bp"], f"{row['tokens']:.0f}", f"{row['strings']:.0f}", f"{row['plain']:.2f}",
                f"{row['tokens'] / row['plain']:.0f}",
            )
            for row in found
        ),
    )  # fmt: skip


def profile(rows: list[Row]) -> str:
    """Operators by their share of the time."""
    found = [row for row in rows if row["part"] == "profile"]
    cells = ((row["model"], f"`{row['operator']}`", f"{row['share']:.0%}", f"{row['calls']:,}") for row in found)
    return table("model | operator | share of time | calls", cells)


def alibi(rows: list[Row]) -> str:
    """The two ways to ALiBi on a GPU."""
    found = [row for row in rows if row["part"] == "alibi"]
    cells = ((r["attention"], r["tokens"], r["groups"], f"{min(r['seconds']) * 1e3:.2f} ms") for r in found)
    return table("attention | tokens | groups | one layer", cells)


def reads(rows: list[Row]) -> str:
    """Reads in, calls out."""
    found = [row for row in rows if row["part"] == "reads"]
    return table(
        "reads | bp | seconds | spread | of them for starting | reads/s | reads/s behind the start",
        (
            (
                f"{row['reads']:,}", row["read_bp"], f"{row['seconds']:.1f}", spread(row["all"]),
                f"{row['start_up']:.1f}", f"{row['reads_per_s']:.0f}", f"{row['behind_start_up_per_s']:.0f}",
            )
            for row in found
        ),
    )  # fmt: skip


def growth(rows: list[Row]) -> str:
    """Time and memory of the same work, more of it."""
    found = [row for row in rows if row["part"] == "growth"]
    cells = (
        (row["verb"], f"{row['sequences']:,}", f"{row['each'] * 1e3:.2f}", f"{row['memory_gb'] * 1e3:,.0f} MB")
        for row in found
    )
    return table("verb | sequences | processor ms per sequence | peak memory", cells)


def page_part(device: str, rows: list[Row]) -> str:
    """Everything that one device's rows say."""
    if not rows:
        return "Not measured."
    told = {(row["hardware"].rpartition(", ")[0], row["versions"]) for row in rows}
    parts = ["; ".join(f"{hardware}, {versions}" for hardware, versions in sorted(told)) + "."]
    if device == "cpu":
        parts += ["### Targets", table("target | figure | verdict", verdicts(rows))]
    parts += ["### Engines", engines(rows), "### Tokens of a batch", curve(rows)]
    parts += ["### Where the time goes", profile(rows)]
    if device == "cuda":
        parts += ["### ALiBi", alibi(rows)]
    if device == "cpu":
        parts += ["### Windows, ORFs and protein tokens, million bases per second", windows(rows)]
        parts += ["### Reads called by mini", reads(rows), "### Growth", growth(rows)]
    return "\n\n".join(parts)


def main() -> None:
    """Put every device's part between its marks."""
    text = PAGE.read_text()
    for device in ("cpu", "cuda"):
        log = RESULTS / f"{device}.jsonl"
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        begin, end = BEGIN.format(device=device), END.format(device=device)
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{page_part(device, rows)}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text)
    print(f"{PAGE} written")


if __name__ == "__main__":
    main()
