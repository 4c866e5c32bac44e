"""``virnucpro_mqc.json`` and its kin: custom content of MultiQC, which finds them by their names.

MultiQC takes one section from each file, and joins those of several samples by ``id``.

References
----------
https://docs.seqera.io/multiqc/custom_content
"""

from __future__ import annotations

import json
from typing import Any, Final

from virnucpro.scoring.calls import VIRAL
from virnucpro.writers.drawing import CALL_COLOURS
from virnucpro.writers.tally import SCORE_BINS, Tally
from virnucpro.writers.writer import CalledRecords, SampleFacts, Writer

__all__ = ["MultiQC"]

STATS, CALLS, SCORES = "virnucpro_mqc.json", "virnucpro_calls_mqc.json", "virnucpro_scores_mqc.json"
ABOUT: Final = "calls reads and contigs viral or non-viral with language models of DNA and proteins."
PARENT: Final = {"parent_id": "virnucpro", "parent_name": "VirNucPro", "parent_description": ABOUT}


class MultiQC(Writer):
    """Columns of the general statistics, a bar of calls and a histogram of scores."""

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:  # noqa: ARG003
        """Name one file for each section."""
        return [STATS, CALLS, SCORES]

    def write(self, called: CalledRecords) -> None:
        """Nothing: all is in the tally."""

    def complete(self, tally: Tally) -> None:
        """Write every section."""
        for name, section in ((STATS, self._stats(tally)), (CALLS, self._calls(tally)), (SCORES, self._scores(tally))):
            self.results.open(name).write((json.dumps(section, indent=1) + "\n").encode())

    def _stats(self, tally: Tally) -> dict[str, Any]:
        records, viral = int(tally.records.sum()), tally.calls[VIRAL]
        row: dict[str, Any] = {"records": records, "viral_records": viral}
        row |= {"percent_viral": round(100 * viral / records, 2)} if records else {}
        row |= {"median_fdr": tally.median_fdr} if tally.median_fdr is not None else {}
        headers = [
            {"records": {"title": "Records", "description": "Records, or pairs of reads", "format": "{:,.0f}",
                         "hidden": True, "scale": "Blues"}},
            {"viral_records": {"title": "Viral", "description": "Called viral", "format": "{:,.0f}",
                               "scale": "Oranges"}},
            {"percent_viral": {"title": "% viral", "description": "Share that is called viral", "suffix": "%",
                               "min": 0, "max": 100, "format": "{:,.2f}", "scale": "Oranges"}},
            {"median_fdr": {"title": "Median FDR", "description": "Median estimated false discovery rate of what is "
                            "called viral", "min": 0, "max": 1, "format": "{:,.4f}", "scale": "RdYlGn-rev"}},
        ]  # fmt: skip
        return {"id": "virnucpro", "plot_type": "generalstats", "headers": headers, "data": {self.facts.sample: row}}

    def _calls(self, tally: Tally) -> dict[str, Any]:
        config = {"id": "virnucpro_calls_plot", "title": "VirNucPro: Calls", "ylab": "Records"}
        categories = {call: {"name": call.replace("_", " "), "color": colour} for call, colour in CALL_COLOURS.items()}
        return {
            **PARENT, "id": "virnucpro_calls", "section_name": "Calls", "plot_type": "bargraph", "pconfig": config,
            "description": "Records, or pairs of reads, by call.", "categories": categories,
            "data": {self.facts.sample: tally.calls},
        }  # fmt: skip

    def _scores(self, tally: Tally) -> dict[str, Any]:
        config = {
            "id": "virnucpro_scores_plot", "title": "VirNucPro: Scores", "xlab": "virus score",
            "ylab": "% of scored records", "xmin": 0, "xmax": 1, "ymin": 0, "logswitch": True,
        }  # fmt: skip
        shares = 100 * tally.scores.sum(axis=(0, 1)) / max(tally.scores.sum(), 1)  # samples differ in size
        points = {f"{(at + 0.5) / SCORE_BINS:.2f}": round(share, 4) for at, share in enumerate(shares.tolist())}
        return {
            **PARENT, "id": "virnucpro_scores", "section_name": "Scores", "plot_type": "linegraph", "pconfig": config,
            "description": f"Histogram of virus_score in {SCORE_BINS} bins.", "data": {self.facts.sample: points},
        }  # fmt: skip
