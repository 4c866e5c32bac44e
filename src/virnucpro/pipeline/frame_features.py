"""Frames of one part through both encoders: one row of numbers for each frame, DNA first, protein behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from virnucpro.embedding.records import Embedded, Limits, embed_records
from virnucpro.models.encoders import Encoder
from virnucpro.pipeline.framing import FramePart
from virnucpro.records import EmbeddingTable, Failure, Record

__all__ = ["FrameEncoders", "FrameFeatures", "embed_frames"]


@dataclass(frozen=True, eq=False)
class FrameEncoders:
    """The encoders that a feature row is made with; at least one.

    Attributes
    ----------
    dna, protein : Encoder or None
        None leaves that part out.
    """

    dna: Encoder | None
    protein: Encoder | None


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """Features of the frames of one part.

    Attributes
    ----------
    frame_rows : numpy.ndarray, shape (n,), int64
        Which frame of the part each row is of; ascending.
    table : EmbeddingTable
        Ids of the frames and their numbers: DNA first, protein behind it.
    failures : tuple of Failure
        One for every frame without a row; `number` is its frame's place in the part, from 1.
    """

    frame_rows: NDArray[np.int64]
    table: EmbeddingTable
    failures: tuple[Failure, ...]


def embed_frames(
    part: FramePart, encoders: FrameEncoders, limits: Limits, on_progress: Callable[[int], None]
) -> FrameFeatures:
    """Embed the frames of one part.

    Parameters
    ----------
    part : FramePart
        From `frame_parts`.
    encoders : FrameEncoders
        The models.
    limits : Limits
        Tokens per batch.
    on_progress : callable
        Told the letters of every batch that is done, of both encoders.

    Returns
    -------
    FrameFeatures
        A row for every frame that every encoder could embed. A frame that one of them could not is a failure.
    """
    halves = []
    if encoders.dna:
        halves.append(_embed(encoders.dna, part, "nucleotides", limits, on_progress))
    if encoders.protein:
        halves.append(_embed(encoders.protein, part, "protein", limits, on_progress))
    failures = {failure.number: failure for half in halves for failure in half.failures}
    frame_rows = np.array([row for row in range(len(part.frames)) if row + 1 not in failures], np.int64)
    blocks = [_vectors_of(half, frame_rows) for half in halves]
    ids = tuple(part.frames[row].id for row in frame_rows)
    return FrameFeatures(frame_rows, EmbeddingTable(ids, np.concatenate(blocks, axis=1)), tuple(failures.values()))


def _embed(
    encoder: Encoder, part: FramePart, letters: str, limits: Limits, on_progress: Callable[[int], None]
) -> Embedded:
    """Embed one side of all frames; a record's number is its frame's place, whatever the ids are."""
    records = [Record(row, frame.id, getattr(frame, letters)) for row, frame in enumerate(part.frames, start=1)]
    embedded = embed_records(encoder, records, limits, on_progress)
    named = tuple(replace(failure, message=f"{letters}: {failure.message}") for failure in embedded.failures)
    return replace(embedded, failures=named)


def _vectors_of(half: Embedded, frame_rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Rows of one side for the frames that both sides have."""
    failed = {failure.number for failure in half.failures}
    present = [row for row in range(half.counts.read) if row + 1 not in failed]
    return half.table.vectors[np.searchsorted(present, frame_rows)]
