"""``regions.fasta``: sequences of the proviruses in records that are not viral as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from virnucpro.scoring.regions import PROVIRUS
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.writer import CalledRecords

__all__ = ["Provirus", "ProvirusFasta", "proviruses"]

WITHOUT_SPACE: Final = str.maketrans("", "", " \t\n\r\v\f")  # positions count letters only


class Provirus(NamedTuple):
    """One provirus as geNomad writes it."""

    region: int  # which of the regions
    name: str  # RECORD|provirus_START_END, positions from 1
    description: str  # rest of the header, with a space before it
    letters: str


class ProvirusFasta(StreamWriter):
    """Headers ``RECORD|provirus_START_END rest of the header``."""

    NAME = "regions.fasta"

    def write(self, called: CalledRecords) -> None:
        """Write the letters of proviruses."""
        text = "".join(f">{one.name}{one.description}\n{one.letters}\n" for one in proviruses(called))
        self.stream.write(text.encode("utf-8", "surrogateescape"))


def proviruses(called: CalledRecords) -> Iterator[Provirus]:
    """Cut the proviruses out of their records."""
    regions = called.regions
    for region, (row, start, end, kind) in enumerate(zip(
        regions.record_rows.tolist(), regions.starts.tolist(), regions.ends.tolist(), regions.kind.tolist(),
        strict=True,
    )):  # fmt: skip
        if kind == PROVIRUS:
            record = called.records[row]
            rest = "".join(f" {words}" for words in record.header.split(maxsplit=1)[1:])
            letters = record.sequence.translate(WITHOUT_SPACE)[start:end]
            yield Provirus(region, f"{record.id}|{PROVIRUS}_{start + 1}_{end}", rest, letters)
