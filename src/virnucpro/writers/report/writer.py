"""``report.html`` of one sample, and its figures, once all of its records are known."""

from __future__ import annotations

from typing import Final

from virnucpro.runs.results import Results
from virnucpro.writers.report.facts import facts_of_run
from virnucpro.writers.report.figures import draw_figures, figure_names
from virnucpro.writers.report.page import write_report
from virnucpro.writers.report.sample import SampleSummary
from virnucpro.writers.tally import Tally
from virnucpro.writers.writer import CalledRecords, SampleFacts, Writer

__all__ = ["REPORT", "SampleReport"]

REPORT: Final = "report.html"


class SampleReport(Writer):
    """Gathers what a report shows, and writes it at the end."""

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(results, facts)
        self._summary = SampleSummary(facts)

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:
        """Name the page and the figures."""
        return [REPORT, *figure_names(facts.figures)]

    def write(self, called: CalledRecords) -> None:
        """Keep what may be shown of some records."""
        self._summary.write(called)

    def complete(self, tally: Tally) -> None:
        """Write the page, and draw the figures."""
        data = self._summary.data(tally)
        write_report(self.results.open(REPORT), [data.to_json()], facts_of_run(self.facts).to_json())
        for name, drawn in draw_figures(data, self.facts.figures):
            self.results.open(name).write(drawn)
