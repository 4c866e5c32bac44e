"""The figures of a report as files, for papers: 300 dpi, with numbers of records and confidence bands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from virnucpro.scoring.regions import PROVIRUS
from virnucpro.writers.drawing import (
    BLACK,
    BLUE,
    CALL_COLOURS,
    EN_DASH,
    GREY,
    VERMILLION,
    figure_of,
    wilson_interval,
    written,
)
from virnucpro.writers.report.sample import ReportLimits, SampleData
from virnucpro.writers.tally import LENGTH_EDGES_BP, SCORE_BINS
from virnucpro.writers.tracks import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_figures", "figure_names"]

TRACKS_PER_PAGE: Final = 8
COLOURS: Final = tuple(CALL_COLOURS.values())
WORDS: Final = ("viral", "non-viral", "not scored")
MAX_TITLE_CHARACTERS: Final = 60


def figure_names(formats: Sequence[str]) -> list[str]:
    """Name all files that may be written."""
    pages = -(-ReportLimits().tracks // TRACKS_PER_PAGE)
    stems = ("calls_by_length", "score_histogram", "classes", *(_page_name(page) for page in range(pages)))
    return [f"{stem}.{kind}" for stem in stems for kind in formats]


def draw_figures(data: SampleData, formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Draw what there is to show of a sample; gives names of files and their contents."""
    if not formats:
        return
    tally = data.tally
    figures: list[tuple[str, float, float, Callable[[Figure], None]]] = []
    if tally.records.any():
        figures.append(("calls_by_length", 9, 3.8, lambda figure: _draw_lengths(figure, data)))
    if tally.scores.any():
        figures.append(("score_histogram", 5.4, 3.6, lambda figure: _draw_scores(figure, data)))
    if tally.class_records.any():
        height = 1.4 + 0.32 * len(data.classes)
        figures.append(("classes", 5.4, height, lambda figure: _draw_classes(figure, data)))
    for page, first in enumerate(range(0, len(data.tracks), TRACKS_PER_PAGE)):
        tracks = data.tracks[first : first + TRACKS_PER_PAGE]
        figures.append(
            (_page_name(page), 8, 0.8 + 1.15 * len(tracks), lambda figure, own=tracks: _draw_tracks(figure, own))  # type: ignore[misc]
        )
    for stem, width, height, draw in figures:
        with figure_of(width, height) as figure:
            draw(figure)
            for kind in formats:
                yield f"{stem}.{kind}", written(figure, kind)


def _page_name(page: int) -> str:
    return f"tracks_{page + 1}" if page else "tracks"


def _title(data: SampleData, words: str) -> str:
    name = data.name if len(data.name) <= MAX_TITLE_CHARACTERS else f"{data.name[: MAX_TITLE_CHARACTERS - 3]}..."
    return f"{words}\n{name}".encode("utf-8", "replace").decode()


def _noun(data: SampleData) -> str:
    return "pair" if data.paired else "record"


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _draw_lengths(figure: Figure, data: SampleData) -> None:
    """Counts on the left; on the right the viral share of scored records with its confidence band."""
    records = data.tally.records
    used = np.flatnonzero(records.sum(axis=0))
    shown = slice(used[0], used[-1] + 1)
    names = [_length_name(place) for place in range(len(LENGTH_EDGES_BP))][shown]
    x = np.arange(len(names))
    counts, shares = figure.subplots(1, 2)
    below = np.zeros(len(names))
    for row, word, colour in zip(records[:, shown], WORDS, COLOURS, strict=True):
        counts.bar(x, row, bottom=below, color=colour, label=f"{word} (n = {row.sum():,})", width=0.75)
        below += row
    noun = _noun(data)
    counts.set(ylabel=f"{noun.title()}s", xlabel=f"Length of the {noun}", xlim=(-0.6, len(names) - 0.4))
    counts.set_xticks(x, names, rotation=45, ha="right", rotation_mode="anchor")
    counts.margins(y=0.08)
    counts.legend(frameon=False, fontsize=7)
    viral, scored = records[0, shown], records[:2, shown].sum(axis=0)
    known = scored > 0
    share, low, high = np.full((3, len(names)), np.nan)
    share[known] = viral[known] / scored[known]
    several = scored > 1  # an interval of a single one says nothing
    low[several], high[several] = wilson_interval(share[several], scored[several])
    shares.fill_between(x, low, high, color=VERMILLION, alpha=0.15, linewidth=0)
    spread = np.maximum((share - low, high - share), 0)
    style = {"marker": "o", "markersize": 4, "linewidth": 1.2, "elinewidth": 1, "capsize": 3}
    shares.errorbar(x, share, np.nan_to_num(spread), color=VERMILLION, **style)
    ticks = [f"{name} (n = {n:,})" for name, n in zip(names, scored.tolist(), strict=True)]
    shares.set_xticks(x, ticks, rotation=45, ha="right", rotation_mode="anchor")
    shares.set(ylim=(-0.02, 1.02), ylabel=f"Viral share of scored {noun}s", xlim=(-0.6, len(names) - 0.4))
    shares.set(xlabel=f"Length of the {noun}, and scored {noun}s")
    for axes in (counts, shares):
        _plain(axes)
    figure.suptitle(_title(data, "Calls by length, viral share with 95 % confidence bands"), fontsize=9)


def _length_name(place: int) -> str:
    low, last = LENGTH_EDGES_BP[place], place == len(LENGTH_EDGES_BP) - 1
    if last:
        return f"\u2265 {_bp(low)}"
    high = _bp(LENGTH_EDGES_BP[place + 1])
    if not place:
        return f"< {high}"
    shown = _bp(low)
    return f"{shown.split()[0] if shown[-2:] == high[-2:] else shown}{EN_DASH}{high}"


def _bp(length: int) -> str:
    number, unit = (length / 1e6, "Mb") if length >= 1e6 else (length / 1e3, "kb") if length >= 1e3 else (length, "bp")
    return f"{number:g} {unit}"


def _draw_scores(figure: Figure, data: SampleData) -> None:
    tally = data.tally
    axes = figure.subplots()
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    for counts, word, colour, hatch in zip(
        tally.scores.sum(axis=1)[::-1], WORDS[1::-1], COLOURS[1::-1], (None, "///"), strict=True
    ):
        axes.stairs(counts, edges, color=colour, linewidth=1.4, label=f"{word} (n = {counts.sum():,})")
        axes.stairs(counts, edges, facecolor=colour, alpha=0.2, fill=True, hatch=hatch, edgecolor=colour)
    low, high = np.nanmin(tally.thresholds[0]), np.nanmax(tally.thresholds[1])
    several = high - low >= 0.005
    name = f"thresholds, {low:.3f}{EN_DASH}{high:.3f}" if several else f"threshold, {low:.3f}"
    axes.axvline(low, color=BLACK, linewidth=1, linestyle="--", label=name)
    if several:
        axes.axvline(high, color=BLACK, linewidth=1, linestyle="--")
        axes.axvspan(low, high, color=BLACK, alpha=0.06, linewidth=0)
    noun = _noun(data)
    axes.set(xlabel=f"Virus score of a {noun}", ylabel=f"{noun.title()}s", xlim=(0, 1), yscale="log", ylim=(0.7, None))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False, fontsize=7, loc="upper center")
    _plain(axes)
    figure.suptitle(_title(data, f"Virus scores of {noun}s"), fontsize=9)


def _draw_classes(figure: Figure, data: SampleData) -> None:
    axes = figure.subplots()
    y = np.arange(len(data.classes))
    left = np.zeros(len(y))
    for row, word, colour in zip(data.tally.class_records, WORDS[:2], COLOURS[:2], strict=True):
        axes.barh(y, row, left=left, color=colour, label=f"{word} (n = {row.sum():,})", height=0.7)
        left += row
    for place, total in zip(y.tolist(), left.astype(int).tolist(), strict=True):
        axes.annotate(f"{total:,}", (total, place), (3, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(y, [name.replace("_", " ") for name in data.classes])
    axes.invert_yaxis()
    axes.set(xlabel=f"{_noun(data).title()}s")
    axes.margins(x=0.12)
    axes.legend(frameon=False, fontsize=7)
    _plain(axes)
    figure.suptitle(_title(data, f"Most probable class of {_noun(data)}s"), fontsize=9)


def _draw_tracks(figure: Figure, tracks: Sequence[Track]) -> None:
    """Draw tracks below each other, each on its own scale."""
    rows: NDArray[Any] = figure.subplots(len(tracks), 1, squeeze=False)[:, 0]
    for axes, track in zip(rows, tracks, strict=True):
        _draw_track(axes, track)
    handles = {name: handle for axes in rows for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", fontsize=7, ncols=4, frameon=False)
    figure.supxlabel("Position", fontsize=8)
    figure.supylabel("Virus score of windows", fontsize=8)


def _draw_track(axes: Axes, track: Track) -> None:
    scale, unit = (1e6, "Mb") if track.length_bp >= 2e6 else (1e3, "kb") if track.length_bp >= 2000 else (1, "bp")
    x = track.middles_bp / scale
    for start, end, kind, _ in track.regions:
        if kind != PROVIRUS:
            continue
        axes.axvspan(start / scale, end / scale, color=VERMILLION, alpha=0.13, linewidth=0, label=kind)
    axes.plot(x, track.scores, color=GREY, linewidth=0.6, zorder=1)
    size = 3 if len(x) > 150 else 12
    for chosen, colour, marker, word in (
        (track.is_viral, VERMILLION, "^", "viral window"),
        (~track.is_viral, BLUE, "o", "non-viral window"),
    ):
        if chosen.any():
            axes.scatter(x[chosen], track.scores[chosen], s=size, color=colour, marker=marker, label=word, zorder=2)
    if not np.isnan(track.threshold):
        axes.axhline(track.threshold, color=BLACK, linewidth=0.8, linestyle="--", label="threshold of the record")
    axes.set(ylim=(-0.05, 1.05), xlim=(0, track.length_bp / scale), yticks=(0, 0.5, 1))
    name = (
        track.record if len(track.record) <= MAX_TITLE_CHARACTERS else f"{track.record[: MAX_TITLE_CHARACTERS - 3]}..."
    )
    title = f"{name}: {track.length_bp:,} bp, n = {track.windows:,} windows, {track.call}, score {track.score:.3f}"
    axes.set_title(title, fontsize=7.5, loc="left", parse_math=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} {unit}")
    axes.tick_params(labelsize=7)
    _plain(axes)
