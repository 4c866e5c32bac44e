"""Figures of an evaluation, as PNG of 300 dpi and as SVG, in colours that colour-blind readers can tell apart.

matplotlib is imported when a figure is drawn, and used without its global state; equal data give equal SVG files.

References
----------
.. [1] Okabe and Ito (2008), Color Universal Design.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro.evaluation.evaluate import Evaluation
from virnucpro.evaluation.levels import ScoredUnits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Picture", "draw_comparison", "draw_evaluation"]

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
"""The colours of [1]_. Vermillion is viral and blue is non-viral, everywhere, and nothing else is."""
GREY: Final = "#999999"
Corner = Literal["best", "lower left", "lower right", "upper left"]
_TO: Final = "\u2013"  # an en dash

_LINES = ((BLACK, "-"), (ORANGE, "--"), (GREEN, ":"), (PURPLE, "-."))
_CHANCE: Final[dict[str, Any]] = {"color": GREY, "linewidth": 1, "linestyle": (0, (1, 2))}
_PLURAL = {"orf": "ORFs", "window": "windows", "record": "records"}
_INCHES = (4.8, 4.4)
_DPI = 300
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

    return _render(draw, f"ROC curve\n{title}", "lower right")


def _draw_precision_recall(named: Sequence[tuple[str, Evaluation]], title: str) -> Picture:
    def draw(axes: Axes) -> None:
        share = sum(found.viral_rows for _, found in named) / sum(found.rows for _, found in named)
        axes.axhline(share, label="random scores", **_CHANCE)
        for number, (name, found) in enumerate(named):
            curve = found.precision_recall
            _line(axes, number, curve.x, curve.y, f"{name}\nAUPRC {_with_interval(found, 'auprc')}")
        axes.set(xlabel="Recall", ylabel="Precision")

    return _render(draw, f"Precision-recall curve\n{title}", "lower left")


def _draw_calibration(named: Sequence[tuple[str, Evaluation]], title: str) -> Picture:
    def draw(axes: Axes) -> None:
        axes.plot((0, 1), (0, 1), label="perfect calibration", **_CHANCE)
        for number, (name, found) in enumerate(named):
            points = [(b.mean_score, b.viral_share) for b in found.bins if b.rows]
            x, y = np.array(points, np.float64).T
            error = f"\nexpected error {_with_interval(found, 'calibration_error')}"
            _line(axes, number, x, y, name + error, marker="o")
        axes.set(xlabel="Mean score of a bin", ylabel="Share of viral sequences in the bin")

    return _render(draw, f"Calibration\n{title}", "upper left")


def _draw_histogram(windows: ScoredUnits, title: str) -> Picture:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)

    def draw(axes: Axes) -> None:
        for name, label, colour, hatch in (("non-viral", 0, BLUE, None), ("viral", 1, VERMILLION, "///")):
            scores = windows.scores[windows.labels == label]
            shares = np.histogram(scores, edges)[0] / max(len(scores), 1)
            axes.stairs(shares, edges, color=colour, linewidth=1.6, label=f"{name} (n = {len(scores):,})")
            axes.stairs(shares, edges, facecolor=colour, alpha=0.18, fill=True, hatch=hatch, edgecolor=colour)
        axes.set(xlabel="Viral score of a window", ylabel="Share of the class", xlim=(0, 1))
        axes.set_ylim(bottom=0)

    return _render(draw, f"Distribution of window scores\n{title}", "best", square=False)


def _draw_by_length(by_unit: Sequence[Sequence[Evaluation]], title: str) -> Picture:
    """True positive rates at two false positive rates over length, with the bootstrap's 95 % bands."""
    styles = (("tpr_at_5_percent_fpr", "5 % false positives", ORANGE), ("tpr_at_1_percent_fpr", "1 %", BLACK))

    def draw(axes: Axes) -> None:
        names = sorted({found.length_bp for bins in by_unit for found in bins}, key=_first_bp)
        place = {name: number for number, name in enumerate(names)}
        for bins, marker, line, shift in zip(by_unit, "os", ("-", "--"), (-0.08, 0.08), strict=False):
            x = np.array([place[found.length_bp] for found in bins]) + (shift if len(by_unit) > 1 else 0)
            for metric, name, colour in styles:
                value = np.array([found.figures[metric] for found in bins])
                low, high = np.array([found.intervals[metric] for found in bins]).T
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
                spread = np.maximum((value - low, high - value), 0)
                label = f"{_PLURAL[bins[0].unit]}, {name}"
                axes.errorbar(
                    x, value, spread, color=colour, linestyle=line, marker=marker, markersize=5, capsize=3, label=label
                )
        counted = [[f"{_PLURAL[f.unit]}: {_counts(f)}" for bins in by_unit for f in bins if f.length_bp == name]
                   for name in names]  # fmt: skip
        labels = [
            "\n".join((f"{name.replace('-', _TO)} bp", *lines)) for name, lines in zip(names, counted, strict=True)
        ]
        axes.set_xticks(range(len(names)), labels, fontsize=7)
        axes.set(ylabel="True positive rate (recall)", ylim=(-0.02, 1.02), xlim=(-0.5, len(names) - 0.5))

    width = max(_INCHES[0], 1.5 * max(map(len, by_unit)))
    return _render(draw, f"Recall by length, 95 % confidence bands\n{title}", "best", square=False, width=width)


def _first_bp(length_bp: str) -> int:
    return int(length_bp.rstrip("+").split("-")[0])


def _counts(found: Evaluation) -> str:
    return f"n = {found.viral_rows:,} + {found.rows - found.viral_rows:,}"


def _with_interval(found: Evaluation, metric: str) -> str:
    low, high = found.intervals[metric]
    return f"{found.figures[metric]:.3f} ({low:.3f}{_TO}{high:.3f})"


def _line(
    axes: Axes, number: int, x: NDArray[np.float64], y: NDArray[np.float64], name: str, marker: str | None = None
) -> None:
    colour, line = _LINES[number % len(_LINES)]
    axes.plot(x, y, color=colour, linestyle=line, linewidth=1.8, marker=marker, markersize=4, label=name)


def _render(
    draw: Callable[[Axes], None], title: str, legend: Corner, square: bool = True, width: float = _INCHES[0]
) -> Picture:
    """Draw one figure and write it in both formats."""
    import matplotlib as mpl  # slow to import, and needed for figures only
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "virnucpro", "font.size": 9, "path.simplify_threshold": 0.1}):
        figure = Figure(figsize=(width, _INCHES[1]), layout="constrained")
        axes = figure.add_subplot()
        if square:
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        draw(axes)
        axes.legend(loc=legend, frameon=False, fontsize=7)
        axes.set_title(title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        return Picture(_written(figure, "png"), _written(figure, "svg"))


def _written(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    figure.savefig(stream, format=kind, dpi=_DPI, metadata=metadata)
    return stream.getvalue()
