"""``report.html``: one page for one or many samples, in one file that asks no network."""

from virnucpro.writers.report.facts import ReportFacts, settings_in_words
from virnucpro.writers.report.page import combine_reports, write_report
from virnucpro.writers.report.sample import ReportLimits, SampleData, SampleSummary
from virnucpro.writers.report.writer import REPORT, SampleReport

__all__ = [
    "REPORT", "ReportFacts", "ReportLimits", "SampleData", "SampleReport", "SampleSummary", "combine_reports",
    "settings_in_words", "write_report",
]  # fmt: skip
