"""Frames of one part through both encoders: one row of numbers for each frame, DNA first, protein behind it.

By the rule ``longest`` a frame may have no protein, and then has zeros in its place; frames with the same letters share
one embedding; and two lengths stand behind the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from virnucpro.embedding.records import Embedded, Limits, embed_records
from virnucpro.models.encoders import Encoder
from virnucpro.records import EmbeddingTable, Failure, Record
from virnucpro.verbs.framing import FramePart

__all__ = ["FrameEncoders", "FrameFeatures", "embed_frames", "length_numbers"]

USUAL_WINDOW_BP = 500
"""A window of so many bases has the length number 0."""


@dataclass(frozen=True, eq=False)
class FrameEncoders:
    """The encoders that a feature row is made with; at least one."""

    dna: Encoder | None  # none leaves that part out
    protein: Encoder | None  # none leaves that part out


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """Features of the frames of one part."""

    frame_rows: NDArray[np.int64]  # (n,) Which frame of the part each row is of; ascending
    table: EmbeddingTable  # ids of the frames and their numbers: DNA, protein, lengths
    # one for every frame without a row; `number` is its frame's place in the part, from 1
    failures: tuple[Failure, ...]


def embed_frames(
    part: FramePart, encoders: FrameEncoders, limits: Limits, on_progress: Callable[[int], None]
) -> FrameFeatures:
    """Embed the frames of one part."""
    halves = [
        _embed(encoder, part, letters, limits, on_progress)
        for encoder, letters in ((encoders.dna, "nucleotides"), (encoders.protein, "protein"))
        if encoder
    ]
    failures = {failure.number: failure for half in halves for failure in half.failures_of(part)}
    frame_rows = np.array([row for row in range(len(part.frames)) if row + 1 not in failures], np.int64)
    lengths = _lengths_of(part)[frame_rows]
    widths = [half.embedded.table.width for half in halves]
    vectors = np.zeros((len(frame_rows), sum(widths) + lengths.shape[1]), np.float32)
    for half, end in zip(halves, np.cumsum(widths), strict=True):
        half.fill(vectors[:, end - half.embedded.table.width : end], frame_rows)
    vectors[:, sum(widths) :] = lengths
    ids = tuple(part.frames[row].id for row in frame_rows)
    return FrameFeatures(frame_rows, EmbeddingTable(ids, vectors), tuple(failures.values()))


def length_numbers(windows_bp: NDArray[np.int64], residues: NDArray[np.int64]) -> NDArray[np.float32]:
    """Make the numbers by which a classifier knows the lengths of what it sees."""
    return np.stack((np.log2(windows_bp / USUAL_WINDOW_BP), 3 * residues / windows_bp), axis=1).astype(np.float32)


def _lengths_of(part: FramePart) -> NDArray[np.float32]:
    """Length numbers of every frame; none for the rule ``open``."""
    if part.rule == "open":
        return np.empty((len(part.frames), 0), np.float32)
    windows = [part.windows[frame.window_row] for frame in part.frames]
    windows_bp = np.array([window.end - window.start for window in windows], np.int64)
    return length_numbers(windows_bp, np.array([len(frame.protein) for frame in part.frames], np.int64))


@dataclass(frozen=True, eq=False)
class _Half:
    """One side of all frames, embedded."""

    letters: str  # which side
    # (frames,) For each frame, the row of the frame whose letters were embedded for it; -1 when it has no letters
    sources: NDArray[np.int64]
    embedded: Embedded  # what became of those rows; a record's number is its frame's place from 1, whatever the ids are

    def failures_of(self, part: FramePart) -> Iterator[Failure]:
        """Name every frame that has letters and no vector."""
        failed = {failure.number - 1: failure for failure in self.embedded.failures}
        for row, source in enumerate(self.sources.tolist()):
            if source in failed:
                message = f"{self.letters}: {failed[source].message}"
                yield replace(failed[source], number=row + 1, id=part.frames[row].id, message=message)

    def fill(self, columns: NDArray[np.float32], frame_rows: NDArray[np.int64]) -> None:
        """Put the vectors of some frames, none of them failed, into their columns."""
        failed = [failure.number - 1 for failure in self.embedded.failures]
        present = np.setdiff1d(self.sources, [-1, *failed])
        sources = self.sources[frame_rows]
        with_letters = sources >= 0
        columns[with_letters] = self.embedded.table.vectors[np.searchsorted(present, sources[with_letters])]


def _embed(
    encoder: Encoder, part: FramePart, letters: str, limits: Limits, on_progress: Callable[[int], None]
) -> _Half:
    """Embed one side of all frames."""
    texts: list[str] = [getattr(frame, letters) for frame in part.frames]
    sources = np.arange(len(texts)) if part.rule == "open" else _first_with_same_letters(texts)
    asked = np.setdiff1d(sources, [-1]).tolist()
    records = [Record(row + 1, part.frames[row].id, texts[row]) for row in asked]
    return _Half(letters, sources, embed_records(encoder, records, limits, on_progress))


def _first_with_same_letters(texts: Sequence[str]) -> NDArray[np.int64]:
    """For each text the place of its first equal; -1 for an empty one."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, row) if text else -1 for row, text in enumerate(texts)], np.int64)
