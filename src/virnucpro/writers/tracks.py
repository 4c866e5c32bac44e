"""Scores along contigs, drawn: one track each, the longest first, as many pages as it takes."""

from __future__ import annotations

import heapq
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from virnucpro.scoring.calls import Call
from virnucpro.scoring.scores import ScoredWindow

__all__ = ["Track", "TrackCollector", "draw_page"]

VIRUS_COLOUR, OTHER_COLOUR, LINE_COLOUR = "#D55E00", "#0072B2", "#444444"
"""Vermillion and blue of Okabe and Ito: told apart with every common colour blindness."""

TRACKS_PER_PAGE = 10


@dataclass(frozen=True, slots=True)
class Track:
    """The scored windows of one contig."""

    call: Call  # the contig's call
    middles_bp: tuple[float, ...]  # middle of each scored window
    scores: tuple[float, ...]  # its score
    are_virus: tuple[bool, ...]  # what it is called


@dataclass(eq=False)
class TrackCollector:
    """Keeps the longest contigs of a stream."""

    capacity: int  # how many are kept
    seen: int = 0  # how many had two scored windows or more; one window makes no track
    _heap: list[tuple[int, int, Track]] = field(default_factory=list)

    def add(self, call: Call, windows: Sequence[ScoredWindow]) -> None:
        """Look at one contig."""
        scored = [window for window in windows if window.frames]
        if len(scored) < 2:
            return
        self.seen += 1
        middles = tuple((window.start + window.end) / 2 for window in scored)
        scores = tuple(window.virus_score for window in scored)
        track = Track(call, middles, scores, tuple(window.is_virus for window in scored))
        heapq.heappush(self._heap, (call.length_bp, -self.seen, track))
        if len(self._heap) > self.capacity:
            heapq.heappop(self._heap)

    def pages(self) -> list[list[Track]]:
        """The tracks that were kept, the longest first."""
        tracks = [track for *_, track in sorted(self._heap, key=lambda item: item[:2], reverse=True)]
        return [tracks[i : i + TRACKS_PER_PAGE] for i in range(0, len(tracks), TRACKS_PER_PAGE)]


def draw_page(tracks: Sequence[Track], title: str) -> bytes:
    """Draw one page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # heavy, and only this function draws
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.2 + 1.15 * len(tracks)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(len(tracks), 1, squeeze=False)[:, 0]
    for axis, track in zip(axes, tracks, strict=True):
        axis.plot(track.middles_bp, track.scores, color=LINE_COLOUR, linewidth=0.7, zorder=1)
        for wanted, colour, marker, name in ((True, VIRUS_COLOUR, "^", "virus"), (False, OTHER_COLOUR, "o", "other")):
            points = [
                point
                for point, virus in zip(zip(track.middles_bp, track.scores, strict=True), track.are_virus, strict=True)
                if virus is wanted
            ]
            if points:
                axis.scatter(*zip(*points, strict=True), s=14, color=colour, marker=marker, label=name, zorder=2)
        axis.set_ylim(-0.05, 1.05)
        axis.set_xlim(0, track.call.length_bp)
        axis.set_yticks([0, 0.5, 1])
        name = track.call.name if len(track.call.name) <= 70 else track.call.name[:67] + "..."
        axis.set_title(
            f"{name}, {track.call.length_bp:,} bp: {track.call.call}, {track.call.virus_score:.3f}",
            fontsize=8,
            loc="left",
            parse_math=False,  # a name is a name, whatever dollar signs are in it
        )
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
