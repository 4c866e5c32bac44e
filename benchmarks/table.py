"""The tables of ``docs/performance.md``, for each device from its finished sitting: ``python -m benchmarks.table``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.__main__ import RESULTS
from benchmarks.pairs import Interval
from benchmarks.sitting import is_finished, read_rows
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
                f"{row['mfu']:.0%}", f"{row['memory_gb']:.2f} GB", f"{row['max_abs']:.1e}",
                f"{row['cosine']:.6f}", f"{row['residue_cosine']:.6f}" if row["residue_cosine"] else "",
                f"{row['rows']} / {row['sequences']}", "yes" if is_sound(row) else "NO",
            )
            for row in rows
            if row.get("stage") == "engine"
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


def files(rows: list[Row]) -> str:
    """From file to file."""
    found = [row for row in rows if row["part"] == "files"]
    cells = (
        (
            row["engine"], f"{row['proteins']}", f"{median(row['whole']):.1f}", spread(row["whole"]),
            f"{median(row['after_loading']):.1f}", f"{row['memory_gb']:.2f} GB", f"{row['cosine']:.6f}",
        )
        for row in found
    )  # fmt: skip
    return table("engine | proteins | seconds | spread | after loading | peak memory | cosine", cells)


def loading(rows: list[Row]) -> str:
    """From a file to an encoder."""
    found = [row for row in rows if row["part"] == "loading"]
    cells = (
        (row["engine"], f"{median(row['seconds']):.2f}", spread(row["seconds"]), f"{row['memory_gb']:.2f} GB")
        for row in found
    )
    return table("engine | seconds | spread | peak memory", cells)


def windows(rows: list[Row]) -> str:
    """Million bases per second of one thread's time."""
    found = [row for row in rows if row["part"] == "windows"]
    return table(
        "input | window | protein tokens ready | spread | ids and nucleotides too | the original's way | ratio",
        (
            (
                row["input"], row["window_bp"], f"{median(row['tokens']):.0f}", spread(row["tokens"]),
                f"{median(row['strings']):.0f}", f"{median(row['plain']):.2f}",
                Interval.of_ratios(row["tokens"], row["plain"]).text("{:.0f}"),
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
    own = next((row["seconds"] for row in found if row["engine"] == "virnucpro"), [])
    return table(
        "tool | reads | bp | seconds | spread | of them for starting | times the seconds of virnucpro",
        (
            (
                row["engine"], f"{row['reads']:,}", row["read_bp"], f"{median(row['seconds']):.1f}",
                spread(row["seconds"]), f"{median(row['start_up']):.1f}",
                "" if row["engine"] == "virnucpro" else Interval.of_ratios(row["seconds"], own).text("{:.1f}"),
            )
            for row in found
        ),
    )  # fmt: skip


def growth(rows: list[Row]) -> str:
    """Time and memory of the same work, more of it."""
    found = [row for row in rows if row["part"] == "growth"]
    cells = (
        (
            row["verb"], f"{row['sequences']:,}", f"{median(row['each']) * 1e3:.2f}", spread(row["each"]),
            f"{row['memory_gb'] * 1e3:,.0f} MB",
        )
        for row in found
    )  # fmt: skip
    return table("verb | sequences | processor ms per sequence | spread | peak memory", cells)


def sitting(rows: list[Row]) -> str:
    """When, where and with what, and how steady the machine was."""
    first, peaks = rows[0], [row["flops"] / 1e9 for row in rows if row["part"] == "peak"]
    return (
        f"{first['machine']}: {first['hardware']}. {first['versions']}. {first['sitting']} to {rows[-1]['date']}; "
        f"matrix peak {min(peaks):,.0f} to {max(peaks):,.0f} GFLOP/s."
    )


PARTS = {
    "Engines": engines, "From file to file": files, "Loading": loading, "Tokens of a batch": curve,
    "Where the time goes": profile, "ALiBi": alibi,
    "Windows, ORFs and protein tokens, million bases per second": windows,
    "Reads called by mini": reads, "Growth": growth,
}  # fmt: skip


def page_part(device: str, rows: list[Row]) -> str:
    """Everything that one sitting says; tables without rows are left out."""
    parts = [sitting(rows)]
    if device == "cpu":
        parts += [
            "### Targets",
            table("target | median, and where it lies in 9 of 10 sittings | verdict", verdicts(rows)),
        ]
    for title, make in PARTS.items():
        if (made := make(rows)).count("\n") > 1:
            parts += [f"### {title}", made]
    return "\n\n".join(parts)


def main() -> None:
    """Write the tables of this project's own page."""
    for device, is_written in write_tables(PAGE, RESULTS).items():
        print(f"{device}: {'written' if is_written else 'no finished sitting; its tables are left alone'}")


def write_tables(page: Path, results: Path) -> dict[str, bool]:
    """Put the tables of every device with a finished sitting between its marks; tell which devices have one."""
    text, written = page.read_text(), {}
    for device in ("cpu", "cuda"):
        rows = read_rows(results / f"{device}.jsonl")
        written[device] = is_finished(rows)
        if written[device]:
            begin, end = BEGIN.format(device=device), END.format(device=device)
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}\n{page_part(device, rows)}\n{end}{rest.partition(end)[2]}"
    page.write_text(text)
    return written


if __name__ == "__main__":
    main()
