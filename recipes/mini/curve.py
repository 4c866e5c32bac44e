"""The learning curve: how good the network is after fewer windows, and with less data."""

from __future__ import annotations

from typing import Any

from recipes.mini.report import Sets
from recipes.mini.scoring import COMPARISONS, auroc, chosen, score_windows, viral_scores
from virnucpro.models.mini import Mini

__all__ = ["curve_table", "measure"]

CURVE_SETS = (("train", 1000), *((f"{kind}-validation", bp) for kind in ("family", "record") for bp in (300, 1000)))
NAMED = {"less-data": "a quarter of the groups, no teachers", "teacher-0": "training side, no teachers"}
COMPARED = tuple(COMPARISONS)[:2]


def measure(net: Mini, sets: Sets) -> list[float]:
    """AUROC of each comparison on each set, as `curve_table` heads them."""
    found = []
    for key in CURVE_SETS:
        z = viral_scores(score_windows(net, sets[key].codes, sets[key].lengths))
        found += [auroc(*(z[rows] for rows in chosen(sets[key], comparison))) for comparison in COMPARED]
    return found


def curve_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a row for each network."""
    heads = [f"{side.replace('-', ' ')} {bp:,} bp, {name}" for side, bp in CURVE_SETS for name in ("phages", "euk.")]
    lines = [f"| data | windows | {' | '.join(heads)} |", "| " + "--- | " * (len(heads) + 2)]
    for row in rows:
        cells = [f"{value:.3f}" for value in row["figures"]]
        data = NAMED.get(row["name"], "training side, taught")
        lines.append(f"| {data} | {row['windows']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)
