"""Sequences in, windows and rows out, in letters."""

from dataclasses import dataclass

from virnucpro.sequences.nucleotides import clean_sequences
from virnucpro.sequences.orfs import FRAME_NAMES, Rows, find_rows
from virnucpro.sequences.windows import Windows, cut_windows, plan_windows


@dataclass
class Found:
    windows: Windows
    rows: Rows

    def spans(self):
        """(record row, number, start, end, status) of every window."""
        columns = (self.windows.record_rows, self.windows.numbers, self.windows.starts, self.windows.ends)
        return list(zip(*(column.tolist() for column in (*columns, self.rows.status)), strict=True))

    def tuples(self):
        """(record row, window number, frame, nucleotides, protein) of every row."""
        rows = self.rows
        records, numbers = (c[rows.window_rows].tolist() for c in (self.windows.record_rows, self.windows.numbers))
        frames = ["" if frame == 255 else FRAME_NAMES[frame] for frame in rows.frames]
        return list(zip(records, numbers, frames, rows.nucleotides(), rows.proteins(), strict=True))


def find(sequences, window_bp=500, rule="open", translation_table=1, layout="original"):
    letters = clean_sequences(sequences)
    windows = plan_windows(letters.lengths, window_bp, layout)
    return Found(windows, find_rows(cut_windows(letters, windows), rule, translation_table))
