"""``report.html``: one page for one or many samples, in one file that asks no network."""

from virnucpro.writers.report.facts import ReportFacts, settings_in_words
from virnucpro.writers.report.page import write_report
from virnucpro.writers.report.sample import ReportLimits, SampleData, SampleReport

__all__ = ["ReportFacts", "ReportLimits", "SampleData", "SampleReport", "settings_in_words", "write_report"]
