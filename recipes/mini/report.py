"""How good a network is: figures with intervals on both splits, beside the baselines, and the card's tables."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes.mini.baseline import BASELINES, score_baseline
from recipes.mini.calibration import LEVELS, Scored, apply_line, balanced_weights, expected_error
from recipes.mini.data import CLASSES
from recipes.mini.scoring import COMPARISONS, auroc, bootstrap, chosen, recall_at, score_windows, viral_scores
from recipes.mini.windows import Evaluation
from virnucpro.models.mini import Mini

__all__ = ["calls_table", "figures", "figures_table", "score_records"]

Sets = dict[tuple[str, int], Evaluation]
"""Windows by side and length."""


def score_records(net: Mini, windows: Evaluation, window_bp: int) -> NDArray[np.float64]:
    """Mean raw log odds of each sequence's windows, which are as many as come next to `window_bp`, all alike long."""
    length = windows.codes.shape[1]
    if length <= window_bp:
        return viral_scores(score_windows(net, windows.codes, windows.lengths))
    count = max(round(length / window_bp), 1)
    edges = np.linspace(0, length, count + 1).astype(int)
    scores = []
    for start, end in pairwise(edges.tolist()):
        part = np.ascontiguousarray(windows.codes[:, start:end])
        scores.append(viral_scores(score_windows(net, part, np.full(len(part), end - start))))
    return np.asarray(np.mean(scores, axis=0))


def figures(net: Mini, baselines: dict[str, Any], sets: Sets, window_bp: int) -> list[dict[str, Any]]:
    """One row for each side, length, comparison and kind of sequence."""
    rows = []
    for (side, length), windows in sets.items():
        scores = {"mini": score_records(net, windows, window_bp)}
        if length <= window_bp:
            for name in BASELINES:
                found = score_baseline(name, baselines[name], windows.codes, windows.lengths)
                scores[name] = viral_scores(found)
        for comparison in COMPARISONS:
            for genes in (False, True):
                picked = chosen(windows, comparison, genes)
                if min(map(len, picked)) < 20:
                    continue
                row: dict[str, Any] = {
                    "side": side, "bp": length, "compared": comparison, "genes": genes,
                    "positives": len(picked[0]), "negatives": len(picked[1]),
                    "positive_groups": len(set(windows.groups[picked[0]].tolist())),
                    "negative_groups": len(set(windows.groups[picked[1]].tolist())),
                }  # fmt: skip
                for name, z in scores.items():
                    row[name] = bootstrap(auroc, z, windows.groups, picked)
                row["recall_1"] = bootstrap(lambda p, n: recall_at(p, n, 0.01), scores["mini"], windows.groups, picked)
                row["recall_5"] = bootstrap(lambda p, n: recall_at(p, n, 0.05), scores["mini"], windows.groups, picked)
                rows.append(row)
    return rows


def calls(net: Mini, calibration: dict[str, Any], sets: Sets, window_bp: int) -> list[dict[str, Any]]:
    """Share of each class that is called at each level, and the calibration error, by side and length."""
    rows = []
    for (side, length), windows in sets.items():
        whole = ~windows.genes
        z = score_records(net, windows, window_bp)[whole]
        z = apply_line(calibration["window"], z, min(length, window_bp))
        z = apply_line(calibration["record"], z, length)
        scored = Scored(length, z, windows.classes[whole])
        row: dict[str, Any] = {"side": side, "bp": length}
        row["ece"] = expected_error(z, scored.viral, balanced_weights(scored.classes))
        for level in LEVELS:
            at = np.interp(np.log(length), np.log(calibration["record"]["lengths"]), calibration["thresholds"][level])
            hit = z >= at
            row[level] = {
                name: float(hit[scored.classes == kind].mean()) if (scored.classes == kind).any() else None
                for kind, name in enumerate(CLASSES)
            }
            weights = balanced_weights(scored.classes) * ~scored.viral
            row[level]["hosts"] = float((weights * hit).sum() / weights.sum())
        rows.append(row)
    return rows


def _interval(values: tuple[float, float, float] | None) -> str:
    return "" if values is None else f"{values[0]:.3f} [{values[1]:.3f}, {values[2]:.3f}]"


def figures_table(rows: list[dict[str, Any]], side: str, genes: bool = False) -> str:
    """Markdown of one side."""
    lines = [
        "| compared | bp | windows (groups) | mini | 5-mers | codons | recall at 1 % false positives | at 5 % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for comparison in COMPARISONS:
        for row in rows:
            if (row["side"], row["compared"], row["genes"]) == (side, comparison, genes):
                count = f"{row['positives']} ({row['positive_groups']}) / {row['negatives']} ({row['negative_groups']})"
                cells = [comparison, f"{row['bp']:,}", count]
                cells += [_interval(row.get(name)) for name in ("mini", *BASELINES, "recall_1", "recall_5")]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def calls_table(rows: list[dict[str, Any]], side: str) -> str:
    """Markdown of calls and calibration on one side."""
    lines = [
        f"| bp | level | {' | '.join(name.replace('_', ' ') for name in CLASSES)} | hosts, mixed | ECE |",
        "| " + "--- | " * (len(CLASSES) + 4),
    ]
    for row in rows:
        if row["side"] == side:
            for level in LEVELS:
                shares = [row[level][name] for name in (*CLASSES, "hosts")]
                cells = ["" if share is None else f"{share:.1%}" for share in shares]
                error = f"{row['ece']:.3f}" if level == "default" else ""
                lines.append(f"| {row['bp']:,} | {level} | {' | '.join(cells)} | {error} |")
    return "\n".join(lines)
