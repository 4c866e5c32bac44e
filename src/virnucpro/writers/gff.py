"""``regions.gff3``: regions as features of type ``viral_sequence``, as EBI's virus pipelines name them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from virnucpro import __version__
from virnucpro.runs.results import Results
from virnucpro.writers.classes import best_classes
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.writer import CalledRecords, SampleFacts

__all__ = ["RegionsGff"]

SEQID_SAFE: Final = ".:^*$@!+_?-|"
"""What the GFF3 specification allows in the first column beside letters and digits; anything else is %-encoded."""


class RegionsGff(StreamWriter):
    """Positions count from 1 and include both ends."""

    NAME = "regions.gff3"

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self._features = 0
        self.stream.write(b"##gff-version 3\n")

    def write(self, called: CalledRecords) -> None:
        """Write a feature for each region, and the length of its record before the first."""
        regions, lines, last = called.regions, [], -1
        for row, start, end, kind, score, windows, best in zip(
            regions.record_rows.tolist(), regions.starts.tolist(), regions.ends.tolist(), regions.kind.tolist(),
            regions.score.tolist(), regions.n_windows.tolist(), best_classes(regions.classes, self.facts.classes),
            strict=True,
        ):  # fmt: skip
            seqid = quote(called.names[row], safe=SEQID_SAFE) or "."
            if row != last and seqid != ".":
                lines.append(f"##sequence-region {seqid} 1 {called.calls.lengths_bp[row]}\n")
                last = row
            self._features += 1
            attributes = f"ID=virus_{self._features};kind={kind};virus_score={score:.4f};n_windows={windows}" + (
                f";best_class={quote(best)}" if best else ""
            )
            fields = (seqid, f"VirNucPro:{__version__}", "viral_sequence", start + 1, end, f"{score:.4f}", ".", ".")
            lines.append("\t".join(map(str, (*fields, attributes))) + "\n")
        self.stream.write("".join(lines).encode())
