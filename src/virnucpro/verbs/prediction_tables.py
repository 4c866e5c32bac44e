"""The tables, the figures and `run.json` of a prediction, from the files of its parts.

They are made in one pass over input and parts, are quick to make, and are made anew by every run. At no time is more in
memory than one part, or the windows of one record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np

from virnucpro import __version__
from virnucpro.errors import StoreError
from virnucpro.records import Record
from virnucpro.runs.files import whole_file
from virnucpro.scoring.call_rule import CallRule
from virnucpro.scoring.calls import call_record, with_windows
from virnucpro.scoring.scores import PartScores, ScoredWindow
from virnucpro.verbs.predict import PredictionJob, PredictionReport
from virnucpro.verbs.sources import read_sources
from virnucpro.writers.tables import (
    CALLS_HEADER,
    FRAMES_HEADER,
    WINDOWS_HEADER,
    call_line,
    frame_lines,
    viral_fasta,
    window_line,
)
from virnucpro.writers.tracks import TRACKS_PER_PAGE, TrackCollector, draw_page

__all__ = ["write_tables"]


def write_tables(
    job: PredictionJob, report: PredictionReport, rule: CallRule, track_pages: int, details: dict[str, Any]
) -> None:
    """Write every table and figure from the parts, in one pass over records and windows."""
    collector = TrackCollector(capacity=track_pages * TRACKS_PER_PAGE)
    names = ("calls.tsv", "viral.fasta", "prediction_results.txt", "prediction_results_highestscore.csv")
    with ExitStack() as stack:
        calls, fasta, frames, windows = (stack.enter_context(whole_file(job.outdir / name)) for name in names)
        calls.write(CALLS_HEADER)
        frames.write(FRAMES_HEADER)
        windows.write(WINDOWS_HEADER)
        for record, found in with_windows(read_sources(job.sources), _windows(job, report.parts)):
            own = rule.calibrated(found)
            call = call_record(record, own, rule)
            calls.write(call_line(call))
            viral_fasta(fasta, record, call)
            _write_windows(frames, windows, record, own)
            collector.add(call, own)
            report.calls[call.call] += 1
            report.statuses[call.status] += 1
    _draw(job, collector, report)
    _write_run(job, report, details | rule.describe())


def _windows(job: PredictionJob, parts: int) -> Iterator[ScoredWindow]:
    """All windows of all parts, in file order, one part in memory at a time."""
    for number in range(1, parts + 1):
        path = job.part_path(number)
        try:
            with np.load(path, allow_pickle=False) as columns:
                table = PartScores(**columns)
        except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
            raise StoreError(f"{path} is no file of scores: {error}; remove it and run again") from error
        yield from table


def _write_windows(frames: BinaryIO, windows: BinaryIO, record: Record, own: Sequence[ScoredWindow]) -> None:
    for window in own:
        if window.frames:
            frames.write(frame_lines(record, window))
            windows.write(window_line(record, window))


def _draw(job: PredictionJob, collector: TrackCollector, report: PredictionReport) -> None:
    """Draw the longest contigs; pages of an earlier run that are not drawn now are removed."""
    pages = collector.pages()
    report.tracks, report.drawn_tracks = collector.seen, sum(map(len, pages))
    drawn = []
    for number, page in enumerate(pages, start=1):
        path = job.outdir / ("tracks.png" if number == 1 else f"tracks_{number}.png")
        with whole_file(path) as stream:
            stream.write(draw_page(page, f"virus score by window (page {number} of {len(pages)})"))
        drawn.append(path)
    for path in job.outdir.glob("tracks*.png"):
        if path not in drawn:
            path.unlink()


def _write_run(job: PredictionJob, report: PredictionReport, details: dict[str, Any]) -> None:
    content = {
        "virnucpro": __version__,
        "inputs": asdict(job.provenance.input),
        "encoders": job.spec.to_dict(),
        "classifier": {"name": job.classifier.name, "sha256": job.classifier.sha256, **job.classifier.training},
        "settings": {**job.provenance.settings, **details},
        "counts": {
            "records": sum(report.calls.values()),
            "calls": dict(sorted(report.calls.items())),
            "statuses": dict(sorted(report.statuses.items())),
            "windows": dict(sorted(report.windows.items())),
            **({} if job.spec.rows == "open" else {"windows_by_row": report.kinds.to_dict()}),
            "frames": report.frames,
            "failed_frames": report.failed_frames,
            "tracks": report.tracks,
            "tracks_drawn": report.drawn_tracks,
        },
    }
    with whole_file(job.outdir / "run.json") as stream:
        stream.write((json.dumps(content, indent=1) + "\n").encode())
