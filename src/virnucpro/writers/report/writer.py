"""``report.html`` of one sample, and its figures, once all of its records are known."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from virnucpro.runs.results import Results
from virnucpro.writers.report.facts import facts_of_run
from virnucpro.writers.report.figures import draw_figures, figure_names
from virnucpro.writers.report.page import write_report
from virnucpro.writers.report.sample import SampleSummary
from virnucpro.writers.writer import SampleFacts

__all__ = ["REPORT", "SampleReport"]

REPORT: Final = "report.html"


class SampleReport(SampleSummary):
    """Gathers what a report shows, and writes it at the end."""

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        super().__init__(facts)
        self._results = results

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:
        """Name the page and the figures."""
        return [REPORT, *figure_names(facts.figures)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            data = self.data()
            write_report(self._results.open(REPORT), [data.to_json()], facts_of_run(self.facts).to_json())
            for name, drawn in draw_figures(data, self.facts.figures):
                self._results.open(name).write(drawn)
