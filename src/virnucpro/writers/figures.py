"""Pictures of an evaluation, in colours that survive colour blindness.

matplotlib is imported when a picture is drawn, and used without its global state; equal data give equal SVG files.

References
----------
.. [1] Okabe and Ito (2008), Color Universal Design.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Line",
    "Picture",
    "draw_calibration",
    "draw_precision_recall",
    "draw_roc",
    "draw_score_histogram",
]

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
"""The colours of [1]_; here virus is vermillion and host is blue, everywhere."""
GREY: Final = "#999999"

_INCHES = (4.8, 4.2)
_DPI = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in both formats."""

    png: bytes  # contents of the two files
    svg: bytes  # contents of the two files


@dataclass(frozen=True, eq=False)
class Line:
    """A line with its name."""

    name: str  # for the legend
    x: NDArray[np.float64]  # (points,) Its points
    y: NDArray[np.float64]  # (points,) Its points


_LINE_COLOURS = (BLACK, ORANGE, GREEN, PURPLE)
_LINE_STYLES = ("-", "--", ":", "-.")


def draw_roc(lines: Sequence[Line], title: str) -> Picture:
    """Draw recall over false alarms."""

    def draw(axes: Axes) -> None:
        axes.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=(0, (1, 2)), label="guessing")
        _draw_lines(axes, lines)
        axes.set(xlabel="share of host rows called viral", ylabel="share of viral rows found (recall)")
        axes.legend(loc="lower right", frameon=False, fontsize=8)

    return _render(draw, title, square=True)


def draw_precision_recall(lines: Sequence[Line], viral_share: float, title: str) -> Picture:
    """Draw precision over recall."""

    def draw(axes: Axes) -> None:
        axes.axhline(viral_share, color=GREY, linewidth=1, linestyle=(0, (1, 2)), label="guessing")
        _draw_lines(axes, lines)
        axes.set(xlabel="share of viral rows found (recall)", ylabel="share of viral calls that are right (precision)")
        axes.legend(loc="lower left", frameon=False, fontsize=8)

    return _render(draw, title, square=True)


def draw_calibration(lines: Sequence[Line], title: str) -> Picture:
    """Draw what rows are over what scores say."""

    def draw(axes: Axes) -> None:
        axes.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=(0, (1, 2)), label="as good as its word")
        _draw_lines(axes, lines, marker="o")
        axes.set(xlabel="mean viral score of a bin", ylabel="share of the bin's rows that are viral")
        axes.legend(loc="upper left", frameon=False, fontsize=8)

    return _render(draw, title, square=True)


def draw_score_histogram(
    viral: NDArray[np.floating], host: NDArray[np.floating], title: str, bins: int = 40
) -> Picture:
    """Draw how often each score was given to viral and to host rows."""
    edges = np.linspace(0, 1, bins + 1)

    def draw(axes: Axes) -> None:
        for name, scores, colour, hatch in (("host", host, BLUE, None), ("viral", viral, VERMILLION, "///")):
            shares = np.histogram(scores, edges)[0] / max(len(scores), 1)
            label = f"{name} ({len(scores):,})"
            axes.stairs(shares, edges, color=colour, linewidth=1.6, label=label, fill=False)
            axes.stairs(shares, edges, facecolor=colour, alpha=0.18, fill=True, hatch=hatch, edgecolor=colour)
        axes.axvline(0.5, color=BLACK, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.set(xlabel="viral score", ylabel="share of the class's rows", xlim=(0, 1))
        axes.set_ylim(bottom=0)
        axes.legend(loc="best", frameon=False, fontsize=8)

    return _render(draw, title, square=False)


def _draw_lines(axes: Axes, lines: Sequence[Line], marker: str | None = None) -> None:
    for number, line in enumerate(lines):
        axes.plot(
            line.x,
            line.y,
            color=_LINE_COLOURS[number % len(_LINE_COLOURS)],
            linestyle=_LINE_STYLES[number % len(_LINE_STYLES)],
            linewidth=1.8,
            marker=marker,
            markersize=4,
            label=line.name,
        )


def _render(draw: Callable[[Axes], None], title: str, square: bool) -> Picture:
    """Draw one picture and write it in both formats."""
    import matplotlib as mpl  # heavy, and needed for pictures only
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "virnucpro", "font.size": 9, "path.simplify_threshold": 0.1}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.add_subplot()
        if square:
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        draw(axes)
        axes.set_title(title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        return Picture(_written(figure, "png"), _written(figure, "svg"))


def _written(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    figure.savefig(stream, format=kind, dpi=_DPI, metadata=metadata)
    return stream.getvalue()
