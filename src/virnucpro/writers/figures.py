"""Figures of an evaluation, as PNG of 300 dpi and as SVG, in colours that colour-blind readers can tell apart.

Equal data give equal files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.evaluation.evaluate import Evaluation
from virnucpro.evaluation.levels import ScoredUnits
from virnucpro.writers.drawing import (
    BLACK,
    BLUE,
    EN_DASH,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    figure_of,
    wilson_interval,
    written,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Picture", "draw_comparison", "draw_evaluation"]

Corner = Literal["best", "lower left", "lower right", "upper center", "upper left"]

_LINES = ((BLACK, "-"), (ORANGE, "--"), (GREEN, ":"), (PURPLE, "-."))
_CHANCE: Final[dict[str, Any]] = {"color": GREY, "linewidth": 1, "linestyle": (0, (1, 2))}
_RATES = (
    ("tpr_at_5_percent_fpr", "at 5 % false positives", ORANGE, "--"),
    ("tpr_at_1_percent_fpr", "at 1 % false positives", BLACK, "-"),
)
_PLURAL = {"orf": "ORFs", "window": "windows", "record": "records"}
_COUNTED = "n = viral + non-viral"
_INCHES = (4.8, 4.4)
HISTOGRAM_BINS = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure in both formats."""

    png: bytes
    svg: bytes


def draw_evaluation(
    title: str, windows: ScoredUnits, overall: Sequence[Evaluation], by_length: Sequence[Sequence[Evaluation]]
) -> dict[str, Picture]:
    """Draw the figures of one classifier, by name of their files; `by_length` has the bins of windows, of records."""
    named = [(f"{_PLURAL[found.unit]} ({_counts(found)})", found) for found in overall]
    drawn = {
        "roc": _draw_roc(named, title),
        "precision_recall": _draw_precision_recall(named, title),
        "calibration": _draw_calibration(named, title),
        "score_histogram": _draw_histogram(windows, title),
    }
    measured = [[found for found in bins if found.figures] for bins in by_length]
    if any(measured):
        drawn["recall_by_length"] = _draw_by_length([bins for bins in measured if bins], title)
    return drawn


def draw_comparison(named: Sequence[tuple[str, Evaluation]]) -> dict[str, Picture]:
    """Draw several classifiers in one figure, by their windows."""
    title = f"{len(named)} classifiers, windows"
    lines = [(f"{name} ({_counts(found)})", found) for name, found in named]
    return {"roc": _draw_roc(lines, title), "precision_recall": _draw_precision_recall(lines, title)}


def _draw_roc(named: Sequence[tuple[str, Evaluation]], title: str) -> Picture:
    def draw(axes: Axes) -> None:
        axes.plot((0, 1), (0, 1), label="random scores", **_CHANCE)
        for number, (name, found) in enumerate(named):
            _line(axes, number, found.roc.x, found.roc.y, f"{name}\nAUROC {_with_interval(found, 'auroc')}")
        axes.set(xlabel="False positive rate", ylabel="True positive rate (recall)")

    return _render([draw], f"ROC curve\n{title}", "lower right", _COUNTED)


def _draw_precision_recall(named: Sequence[tuple[str, Evaluation]], title: str) -> Picture:
    def draw(axes: Axes) -> None:
        share = sum(found.viral_rows for _, found in named) / sum(found.rows for _, found in named)
        axes.axhline(share, label="random scores", **_CHANCE)
        for number, (name, found) in enumerate(named):
            curve = found.precision_recall
            _line(axes, number, curve.x, curve.y, f"{name}\nAUPRC {_with_interval(found, 'auprc')}")
        axes.set(xlabel="Recall", ylabel="Precision")

    return _render([draw], f"Precision-recall curve\n{title}", "lower left", _COUNTED)


def _draw_calibration(named: Sequence[tuple[str, Evaluation]], title: str) -> Picture:
    def draw(axes: Axes) -> None:
        axes.plot((0, 1), (0, 1), label="perfect calibration", **_CHANCE)
        for number, (name, found) in enumerate(named):
            points = [(b.mean_score, b.viral_share, b.rows) for b in found.bins if b.rows]
            x, y, rows = np.array(points, np.float64).T
            low, high = wilson_interval(y, rows)
            axes.fill_between(x, low, high, color=_LINES[number % len(_LINES)][0], alpha=0.12, linewidth=0)
            error = f"\nECE {found.figures['calibration_error']:.3f}"
            _line(axes, number, x, y, name + error, marker="o")
        axes.set(xlabel="Mean score of a bin", ylabel="Share of viral sequences in the bin")

    return _render([draw], f"Calibration, with 95 % confidence bands\n{title}", "upper left", _COUNTED)


def _draw_histogram(windows: ScoredUnits, title: str) -> Picture:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)

    def draw(axes: Axes) -> None:
        for name, label, colour, hatch in (("non-viral", 0, BLUE, None), ("viral", 1, VERMILLION, "///")):
            scores = windows.scores[windows.labels == label]
            shares = np.histogram(scores, edges)[0] / max(len(scores), 1)
            axes.stairs(shares, edges, color=colour, linewidth=1.6, label=f"{name} (n = {len(scores):,})")
            axes.stairs(shares, edges, facecolor=colour, alpha=0.18, fill=True, hatch=hatch, edgecolor=colour)
        axes.set(xlabel="Virus score of a window", ylabel="Share of the class", xlim=(0, 1))
        axes.set_ylim(bottom=0)

    return _render([draw], f"Distribution of window scores\n{title}", "upper center", square=False)


def _draw_by_length(by_unit: Sequence[Sequence[Evaluation]], title: str) -> Picture:
    """Draw true positive rates at two false positive rates over length, one panel each for windows and records."""

    def panel(bins: Sequence[Evaluation]) -> Callable[[Axes], None]:
        def draw(axes: Axes) -> None:
            x = np.arange(len(bins))
            for metric, name, colour, line in _RATES:
                value = np.array([found.figures[metric] for found in bins])
                low, high = np.array([found.intervals[metric] for found in bins]).T
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
                spread = np.maximum((value - low, high - value), 0)
                axes.errorbar(
                    x, value, spread, color=colour, linestyle=line, linewidth=1.8, marker="o", markersize=5,
                    elinewidth=1, capsize=3, label=name,
                )  # fmt: skip
            axes.set_xticks(x, [f"{_bp(found)}\n{found.viral_rows:,} +\n{_non_viral(found):,}" for found in bins])
            axes.tick_params(axis="x", labelsize=7)
            axes.set(xlabel=f"Length in bp, and viral + non-viral {_PLURAL[bins[0].unit]}", ylim=(-0.02, 1.02))
            axes.set(ylabel="True positive rate (recall)", xlim=(-0.5, len(bins) - 0.5))

        return draw

    width = sum(max(_INCHES[0] - 1, 0.95 * len(bins) + 0.8) for bins in by_unit)
    title = f"Recall by length, with 95 % confidence bands\n{title}"
    return _render([panel(bins) for bins in by_unit], title, "best", square=False, width=width)


def _bp(found: Evaluation) -> str:
    low, _, high = found.length_bp.rstrip("+").partition("-")
    if low == "1":
        return f"< {int(high) + 1:,}"
    return f"{int(low):,}{EN_DASH}{int(high):,}" if high else f"\u2265 {int(low):,}"


def _non_viral(found: Evaluation) -> int:
    return found.rows - found.viral_rows


def _counts(found: Evaluation) -> str:
    return f"n = {found.viral_rows:,} + {_non_viral(found):,}"


def _with_interval(found: Evaluation, metric: str) -> str:
    low, high = found.intervals[metric]
    if np.isnan(low):
        return f"{found.figures[metric]:.3f}"
    return f"{found.figures[metric]:.3f} ({low:.3f}{EN_DASH}{high:.3f})"


def _line(
    axes: Axes, number: int, x: NDArray[np.float64], y: NDArray[np.float64], name: str, marker: str | None = None
) -> None:
    colour, line = _LINES[number % len(_LINES)]
    axes.plot(x, y, color=colour, linestyle=line, linewidth=1.8, marker=marker, markersize=4, label=name)


def _render(
    panels: Sequence[Callable[[Axes], None]],
    title: str,
    legend: Corner,
    note: str | None = None,
    square: bool = True,
    width: float = _INCHES[0],
) -> Picture:
    """Draw one figure, panels side by side, and write it in both formats."""
    with figure_of(width, _INCHES[1]) as figure:
        for axes, draw in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            if square:
                axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
            draw(axes)
            axes.legend(loc=legend, fontsize=7, title=note, title_fontsize=7, framealpha=0.8, edgecolor="none")
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(title, fontsize=9)
        return Picture(written(figure, "png"), written(figure, "svg"))
