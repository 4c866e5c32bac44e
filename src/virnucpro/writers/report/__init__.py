"""``report.html``: one page for one or many samples, in one file that asks no network."""

from virnucpro.writers.report.page import combine_reports
from virnucpro.writers.report.writer import REPORT, SampleReport

__all__ = ["REPORT", "SampleReport", "combine_reports"]
