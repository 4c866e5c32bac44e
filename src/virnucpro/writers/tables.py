"""The tables of a prediction: VirNucPro's own two, and one row for every record.

References
----------
``prediction.py`` of https://github.com/Li-Jing-1997/VirNucPro: the first two, byte for byte.
"""

from __future__ import annotations

from typing import BinaryIO

from virnucpro.records import Record
from virnucpro.scoring.calls import VIRUS, Call
from virnucpro.scoring.scores import ScoredWindow
from virnucpro.sequences.frames import FRAME_NAMES

__all__ = ["CALLS_HEADER", "FRAMES_HEADER", "WINDOWS_HEADER", "call_line", "frame_lines", "viral_fasta", "window_line"]

FRAMES_HEADER = b"Sequence_ID\tPrediction\tscore1\tscore2\n"
WINDOWS_HEADER = b"Modified_ID\tIs_Virus\n"
CALLS_HEADER = b"name\tlength\tn_windows\tn_scored\tvirus_score\tcall\tstatus\tbest_window\tfdr\n"

ABSENT = "NA"


def frame_lines(record: Record, window: ScoredWindow) -> bytes:
    """Lines of `prediction_results.txt`: one for each scored frame of a window."""
    return b"".join(
        f"{record.id}_chunk_{window.number}{FRAME_NAMES[frame.frame_index]}\t"
        f"{'virus' if frame.is_virus else 'others'}\t{frame.other!s}\t{frame.virus!s}\n".encode()
        for frame in window.frames
    )


def window_line(record: Record, window: ScoredWindow) -> bytes:
    """Line of `prediction_results_highestscore.csv`, tab-separated despite its name."""
    return f"{record.id}_chunk_{window.number}\t{window.is_virus}\n".encode()


def call_line(call: Call) -> bytes:
    """Line of `calls.tsv`."""
    best = call.best_window
    columns = (
        call.name,
        call.length_bp,
        call.windows,
        call.scored,
        ABSENT if call.virus_score is None else f"{call.virus_score:.6f}",
        call.call,
        call.status,
        ABSENT if best is None else f"chunk_{best.number}:{best.start + 1}-{best.end}",
        ABSENT if call.fdr is None else f"{call.fdr:.6f}",
    )
    return ("\t".join(map(str, columns)) + "\n").encode()


def viral_fasta(stream: BinaryIO, record: Record, call: Call) -> None:
    """Write a record that was called a virus, header and letters untouched."""
    if call.call == VIRUS:
        stream.write(f">{record.header}\n{record.sequence}\n".encode())
