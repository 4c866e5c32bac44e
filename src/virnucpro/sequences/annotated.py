"""Which frames are translated in nature, as far as annotation knows: the frames that classifiers are trained on.

A frame is kept when it has no stop, its window has no ambiguous base, and its protein is a substring of an annotated
translation of the same record.

References
----------
``make_train_dataset_300.py`` and ``make_train_dataset_500.py`` of https://github.com/Li-Jing-1997/VirNucPro
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virnucpro.records import Record
from virnucpro.sequences.frames import Frame, FrameTable, find_frames
from virnucpro.sequences.genetic_codes import STOP

__all__ = ["AnnotatedFrames", "select_annotated_frames"]


@dataclass(frozen=True, slots=True)
class AnnotatedFrames:
    """The frames of one record that its annotation confirms."""

    frames: tuple[Frame, ...]  # in the order of windows and frames
    n_windows: int  # windows of the record
    n_frames_without_stop: int  # frames without a stop, of all windows, confirmed or not


def select_annotated_frames(
    record: Record, translations: Sequence[str], window_bp: int, genetic_code: int = 1
) -> AnnotatedFrames:
    """Cut a record into windows and keep the frames that its annotation confirms.

    Examples
    --------
    >>> found = select_annotated_frames(Record(1, "phage", "ATGAAATTT"), ["MKFY"], window_bp=500)
    >>> [(frame.id, frame.protein) for frame in found.frames]
    [('phage_chunk_1F1', 'MKF')]
    """
    table = find_frames([record], window_bp, genetic_code)
    # one text, for one search each: no frame holds a stop, so none is found across two translations
    annotated = STOP.join(dict.fromkeys(translations))
    certain = _windows_without_ambiguity(table)
    frames = tuple(frame for frame in table if certain[frame.window_row] and frame.protein in annotated)
    return AnnotatedFrames(frames, len(table.windows), len(table))


def _windows_without_ambiguity(table: FrameTable) -> list[bool]:
    """Whether each window of the only record has no letter but A, C, G and T."""
    plan, nucleotides = table.windows.plan, table.codons.nucleotides
    bounds = zip(plan.starts.tolist(), plan.ends.tolist(), strict=True)
    return [not nucleotides[start:end].translate(None, b"ACGT") for start, end in bounds]
