"""``tracks.png``: scores along the longest records, one track each, as many pages as it takes."""

from __future__ import annotations

import heapq
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import shown
from virnucpro.runs.results import Results
from virnucpro.writers.writer import CalledRecords, SampleFacts

__all__ = ["Track", "TrackPages", "draw_page"]

VIRAL_COLOUR, NON_VIRAL_COLOUR, LINE_COLOUR = "#D55E00", "#0072B2", "#444444"
"""Vermillion and blue of Okabe and Ito: told apart with every common colour blindness."""

TRACKS_PER_PAGE: Final = 10
MAX_NAME_CHARACTERS: Final = 70


@dataclass(frozen=True, slots=True)
class Track:
    """The scored windows of one record."""

    title: str
    length_bp: int
    middles_bp: NDArray[np.float64]  # (windows,)
    scores: NDArray[np.float64]  # (windows,)
    is_viral: NDArray[np.bool_]  # (windows,)


class TrackPages:
    """Keeps the longest records with two scored windows or more, and draws them at the end."""

    @staticmethod
    def names(pages: int) -> list[str]:
        """Name the files of so many pages."""
        return [f"tracks_{number}.png" if number > 1 else "tracks.png" for number in range(1, pages + 1)]

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:
        """Name the files that there may be."""
        return cls.names(facts.track_pages)

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        self._results, self._capacity = results, facts.track_pages * TRACKS_PER_PAGE
        self._kept: list[tuple[int, int, Track]] = []
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def write(self, called: CalledRecords) -> None:
        """Look at some records."""
        calls, windows = called.calls, called.scored.windows
        for row in np.flatnonzero(calls.n_scored >= 2).tolist():
            self._seen += 1
            length_bp = int(calls.lengths_bp[row])
            if not self._capacity or (len(self._kept) == self._capacity and length_bp <= self._kept[0][0]):
                continue
            own = slice(*np.searchsorted(windows.record_rows, [row, row + 1]))
            scored = called.windows.has_score[own]
            name = shown(called.records[row].id, MAX_NAME_CHARACTERS)
            track = Track(
                f"{name}, {length_bp:,} bp: {calls.call[row]}, {calls.score[row]:.3f}",
                length_bp,
                ((windows.starts[own] + windows.ends[own]) / 2)[scored],
                called.windows.score[own][scored],
                called.windows.is_viral[own][scored],
            )
            heapq.heappush(self._kept, (length_bp, -self._seen, track))
            if len(self._kept) > self._capacity:
                heapq.heappop(self._kept)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        tracks = [track for *_, track in sorted(self._kept, key=lambda item: item[:2], reverse=True)]
        pages = [tracks[i : i + TRACKS_PER_PAGE] for i in range(0, len(tracks), TRACKS_PER_PAGE)]
        for number, (name, page) in enumerate(zip(self.names(len(pages)), pages, strict=True), start=1):
            stream = self._results.open(name)
            stream.write(draw_page(page, f"virus score by window (page {number} of {len(pages)})"))


def draw_page(tracks: Sequence[Track], title: str) -> bytes:
    """Draw one page as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy, and only this function draws
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.2 + 1.15 * len(tracks)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(len(tracks), 1, squeeze=False)[:, 0]
    for axis, track in zip(axes, tracks, strict=True):
        axis.plot(track.middles_bp, track.scores, color=LINE_COLOUR, linewidth=0.7, zorder=1)
        for chosen, colour, marker, name in (
            (track.is_viral, VIRAL_COLOUR, "^", "viral"),
            (~track.is_viral, NON_VIRAL_COLOUR, "o", "non-viral"),
        ):
            if chosen.any():
                axis.scatter(
                    track.middles_bp[chosen],
                    track.scores[chosen],
                    s=14,
                    color=colour,
                    marker=marker,
                    label=name,
                    zorder=2,
                )
        axis.set_ylim(-0.05, 1.05)
        axis.set_xlim(0, track.length_bp)
        axis.set_yticks([0, 0.5, 1])
        # a name is a name, whatever dollar signs are in it
        axis.set_title(track.title, fontsize=8, loc="left", parse_math=False)
        axis.tick_params(labelsize=7)
    handles = {name: handle for axis in axes for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="upper right", fontsize=8, ncols=2, frameon=False)
    figure.supxlabel("position of the window's middle (bp)", fontsize=8)
    figure.supylabel("virus score of the window", fontsize=8)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a letter that the font lacks is drawn as a box
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()
