"""``krona.tsv``: records by call and class, for Krona's ``ktImportText``."""

from __future__ import annotations

from collections import Counter

from virnucpro.runs.results import Results
from virnucpro.writers.classes import best_classes
from virnucpro.writers.streams import StreamWriter
from virnucpro.writers.tally import Tally
from virnucpro.writers.writer import CalledRecords, SampleFacts

__all__ = ["KronaText"]


class KronaText(StreamWriter):
    """Lines of number, call and class, without a header."""

    NAME = "krona.tsv"

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self._counts: Counter[tuple[str, str]] = Counter()

    def write(self, called: CalledRecords) -> None:
        """Count some records."""
        best = (name or "" for name in best_classes(called.calls.classes, self.facts.classes))
        self._counts.update(zip(called.calls.call.tolist(), best, strict=True))

    def complete(self, tally: Tally) -> None:  # noqa: ARG002
        """Write what was counted, the most first."""
        for words, number in sorted(self._counts.items(), key=lambda item: (-item[1], item[0])):
            self.stream.write(("\t".join((str(number), *filter(None, words))) + "\n").encode())
