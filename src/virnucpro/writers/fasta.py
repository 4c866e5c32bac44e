"""``viral.fasta``, the records that were called viral, and ``regions.fasta``, the proviruses in the others."""

from __future__ import annotations

from typing import Final

from virnucpro.runs.results import Results
from virnucpro.scoring.calls import VIRAL
from virnucpro.scoring.regions import PROVIRUS
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.writer import CalledRecords

__all__ = ["ProvirusFasta", "ViralFasta"]

WITHOUT_SPACE: Final = str.maketrans("", "", " \t\n\r\v\f")  # positions count letters only


class ViralFasta(StreamWriter):
    """Headers and letters untouched; one line per sequence."""

    def __init__(self, results: Results) -> None:
        super().__init__(results, "viral.fasta")

    def write(self, called: CalledRecords) -> None:
        """Write the records that are viral."""
        for record, call in zip(called.records, called.calls.call.tolist(), strict=True):
            if call == VIRAL:
                text = f">{record.header}\n{record.sequence}\n"
                self.stream.write(text.encode("utf-8", "surrogateescape"))


class ProvirusFasta(StreamWriter):
    """Headers as geNomad writes them, positions from 1: ``RECORD|provirus_START_END rest of the header``."""

    def __init__(self, results: Results) -> None:
        super().__init__(results, "regions.fasta")

    def write(self, called: CalledRecords) -> None:
        """Write the letters of proviruses."""
        regions = called.regions
        for row, start, end, kind in zip(
            regions.record_rows.tolist(), regions.starts.tolist(), regions.ends.tolist(), regions.kind.tolist(),
            strict=True,
        ):  # fmt: skip
            if kind == PROVIRUS:
                record = called.records[row]
                rest = "".join(f" {words}" for words in record.header.split(maxsplit=1)[1:])
                letters = record.sequence.translate(WITHOUT_SPACE)[start:end]
                text = f">{record.id}|{PROVIRUS}_{start + 1}_{end}{rest}\n{letters}\n"
                self.stream.write(text.encode("utf-8", "surrogateescape"))
