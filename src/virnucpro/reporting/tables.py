"""The tables of a prediction: VirNucPro's own two, and one row for every record.

References
----------
``prediction.py`` of https://github.com/Li-Jing-1997/VirNucPro: the first two, byte for byte.
"""

from __future__ import annotations

from typing import BinaryIO

from virnucpro.prediction.calls import VIRUS, Call
from virnucpro.prediction.scores import ScoredWindow
from virnucpro.records import Record
from virnucpro.sequences.frames import FRAME_NAMES

__all__ = ["CALLS_HEADER", "FRAMES_HEADER", "WINDOWS_HEADER", "call_line", "frame_lines", "viral_fasta", "window_line"]

FRAMES_HEADER = b"Sequence_ID\tPrediction\tscore1\tscore2\n"
WINDOWS_HEADER = b"Modified_ID\tIs_Virus\n"
CALLS_HEADER = b"name\tlength\tn_windows\tn_scored\tvirus_score\tcall\tstatus\tbest_window\tfdr\n"

ABSENT = "NA"


def frame_lines(record: Record, window: ScoredWindow) -> bytes:
    """Lines of `prediction_results.txt`: one for each scored frame of a window.

    Parameters
    ----------
    record : Record
        Whose window it is.
    window : ScoredWindow
        With its frames.

    Returns
    -------
    bytes
        Id, ``virus`` or ``others``, and the two scores with as many digits as tell float32 numbers apart.
    """
    return b"".join(
        f"{record.id}_chunk_{window.number}{FRAME_NAMES[frame.frame_index]}\t"
        f"{'virus' if frame.is_virus else 'others'}\t{frame.other!s}\t{frame.virus!s}\n".encode()
        for frame in window.frames
    )


def window_line(record: Record, window: ScoredWindow) -> bytes:
    """Line of `prediction_results_highestscore.csv`, tab-separated despite its name.

    Parameters
    ----------
    record : Record
        Whose window it is.
    window : ScoredWindow
        With at least one scored frame.

    Returns
    -------
    bytes
        Id and ``True`` or ``False``.
    """
    return f"{record.id}_chunk_{window.number}\t{window.is_virus}\n".encode()


def call_line(call: Call) -> bytes:
    """Line of `calls.tsv`.

    Parameters
    ----------
    call : Call
        Of one record.

    Returns
    -------
    bytes
        Its columns; the best window as ``chunk_2:251-750``, bases from 1, both ends included.
    """
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
    """Write a record that was called a virus, header and letters untouched.

    Parameters
    ----------
    stream : BinaryIO
        Where to.
    record : Record
        As it was read.
    call : Call
        Its call; others are not written.
    """
    if call.call == VIRUS:
        stream.write(f">{record.header}\n{record.sequence}\n".encode())
