"""How figures are drawn: their colours, sizes and formats. matplotlib is imported only when one is drawn.

References
----------
.. [1] Okabe and Ito (2008), Color Universal Design.
.. [2] Wilson (1927), Probable inference, the law of succession, and statistical inference.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import ConfigError
from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.writers.outputs import FIGURE_FORMATS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BLACK", "BLUE", "CALL_COLOURS", "EN_DASH", "GREEN", "GREY", "ORANGE", "PURPLE", "VERMILLION",
    "figure_of", "require_formats", "wilson_interval", "written",
]  # fmt: skip

BLACK, ORANGE, GREEN, BLUE, VERMILLION, PURPLE = "#000000", "#E69F00", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
"""Colours of [1]_. Vermillion is viral and blue is non-viral, everywhere, and nothing else is."""
GREY: Final = "#999999"
CALL_COLOURS: Final = {VIRAL: VERMILLION, NON_VIRAL: BLUE, NOT_SCORED: GREY}
"""In figures, in the report and in MultiQC."""
EN_DASH: Final = "\u2013"
DPI: Final = 300
Z_95: Final = 1.96


def require_formats(formats: Sequence[str]) -> None:
    """Refuse a format in which no figure can be written."""
    for form in formats:
        if form not in FIGURE_FORMATS:
            raise ConfigError(f"figure format {form!r:.100} is not known; choose from {', '.join(FIGURE_FORMATS)}")


@contextmanager
def figure_of(width_in: float, height_in: float) -> Iterator[Figure]:
    """Begin a figure without matplotlib's global state; equal data give equal files."""
    import matplotlib as mpl  # slow to import
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {"svg.hashsalt": "virnucpro", "font.size": 9, "path.simplify_threshold": 0.1}
    with mpl.rc_context(settings | {"pdf.fonttype": 42}):  # letters stay letters
        yield Figure(figsize=(width_in, height_in), layout="constrained")


def written(figure: Figure, kind: str) -> bytes:
    """Write a figure as png, svg or pdf."""
    stream = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a letter that the font lacks is drawn as a box
        if figure.get_layout_engine() is not None:  # once, for a second layout would move everything a little
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        figure.savefig(stream, format=kind, dpi=DPI, metadata=metadata)
    return stream.getvalue()


def wilson_interval(
    share: NDArray[np.float64], total: NDArray[np.number]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % confidence intervals of shares [2]_; totals are at least 1."""
    scale = 1 + Z_95**2 / total
    middle = (share + Z_95**2 / (2 * total)) / scale
    half = Z_95 * np.sqrt(share * (1 - share) / total + Z_95**2 / (4 * total**2)) / scale
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
