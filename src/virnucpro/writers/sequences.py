"""Records as they were read: ``viral.fasta``, with qualities ``viral.fastq.gz``; of pairs a file for each mate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import BinaryIO, ClassVar, Final

import numpy as np

from virnucpro.records import Record
from virnucpro.runs.results import Results
from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.writers.streams import gzip_stream
from virnucpro.writers.tally import Tally
from virnucpro.writers.writer import CalledRecords, SampleFacts, Writer

__all__ = ["SEQUENCE_RESULTS", "SplitSequences", "ViralSequences"]

FASTA, FASTQ = ".fasta", ".fastq.gz"
STEM_OF: Final = {VIRAL: "viral", NON_VIRAL: "non_viral", NOT_SCORED: "not_scored"}
"""By call."""
SEQUENCE_RESULTS: Final = tuple(
    f"{stem}{mate}{kind}" for stem in STEM_OF.values() for mate in ("", "_1", "_2") for kind in (FASTA, FASTQ)
)
"""All names that there may be."""


class ViralSequences(Writer):
    """Headers, letters and qualities untouched; one line per sequence.

    Single records are always in FASTA, and those with qualities also in FASTQ. Mates of a pair stand at the same place
    of two files, which are FASTQ where both have qualities and FASTA where not.
    """

    STEMS: ClassVar[Mapping[str, str]] = {VIRAL: STEM_OF[VIRAL]}

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self._open: dict[str, BinaryIO] = {}
        for stem in () if facts.paired else self.STEMS.values():
            self._stream(stem + FASTA)

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:
        """Name the files that there may be."""
        mates = ("_1", "_2") if facts.paired else ("",)
        return [f"{stem}{mate}{kind}" for stem in cls.STEMS.values() for kind in (FASTA, FASTQ) for mate in mates]

    def write(self, called: CalledRecords) -> None:
        """Write the records that have one of its calls."""
        for call, stem in self.STEMS.items():
            chosen = np.flatnonzero(called.calls.call == call).tolist()
            if self.facts.paired:
                self._write_pairs(stem, called, chosen)
            else:
                self._write_single(stem, called, chosen)

    def complete(self, tally: Tally) -> None:  # noqa: ARG002
        """Complete what is compressed."""
        for name, stream in self._open.items():
            if name.endswith(FASTQ):
                stream.close()

    def _write_single(self, stem: str, called: CalledRecords, chosen: list[int]) -> None:
        records = [called.records[row] for row in chosen]
        self._stream(stem + FASTA).write(_fasta(records))
        if any(record.qualities is not None for record in called.records[:1]) or stem + FASTQ in self._open:
            self._stream(stem + FASTQ).write(_fastq(record for record in records if record.qualities is not None))

    def _write_pairs(self, stem: str, called: CalledRecords, chosen: list[int]) -> None:
        pairs = list(zip(called.records, called.mates, strict=True))
        in_fastq = [all(mate.qualities is not None for mate in pair) for pair in pairs]
        for kind, text in ((FASTA, _fasta), (FASTQ, _fastq)):
            of_kind = [pair for pair, fastq in zip(pairs, in_fastq, strict=True) if fastq is (kind == FASTQ)]
            if of_kind:
                wanted = [pairs[row] for row in chosen if in_fastq[row] is (kind == FASTQ)]
                for mate in (0, 1):
                    self._stream(f"{stem}_{mate + 1}{kind}").write(text(pair[mate] for pair in wanted))

    def _stream(self, name: str) -> BinaryIO:
        """Open a result when the first record of its kind is seen."""
        if name not in self._open:
            stream = self.results.open(name)
            self._open[name] = gzip_stream(stream) if name.endswith(FASTQ) else stream
        return self._open[name]


class SplitSequences(ViralSequences):
    """The same of all other records."""

    STEMS: ClassVar[Mapping[str, str]] = {NON_VIRAL: STEM_OF[NON_VIRAL], NOT_SCORED: STEM_OF[NOT_SCORED]}


def _fasta(records: Iterable[Record]) -> bytes:
    text = "".join(f">{record.header}\n{record.sequence}\n" for record in records)
    return text.encode("utf-8", "surrogateescape")


def _fastq(records: Iterable[Record]) -> bytes:
    return "".join(f"@{each.header}\n{each.sequence}\n+\n{each.qualities}\n" for each in records).encode()
