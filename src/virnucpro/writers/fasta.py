"""``viral.fasta``: the records that were called viral, headers and letters untouched."""

from __future__ import annotations

from virnucpro.runs.results import Results
from virnucpro.scoring.calls import VIRAL
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.writer import CalledRecords

__all__ = ["ViralFasta"]


class ViralFasta(StreamWriter):
    """FASTA, one line per sequence."""

    def __init__(self, results: Results) -> None:
        super().__init__(results, "viral.fasta")

    def write(self, called: CalledRecords) -> None:
        """Write the records that are viral."""
        for record, call in zip(called.records, called.calls.call.tolist(), strict=True):
            if call == VIRAL:
                text = f">{record.header}\n{record.sequence}\n"
                self.stream.write(text.encode("utf-8", "surrogateescape"))
