"""``virnucpro_mqc.json`` and its kin: custom content of MultiQC, which finds them by their names.

MultiQC takes one section from each file, and joins those of several samples by ``id``.

References
----------
https://docs.seqera.io/multiqc/custom_content
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Final, Self

from virnucpro.runs.results import Results
from virnucpro.scoring.calls import NON_VIRAL, NOT_SCORED, VIRAL
from virnucpro.writers.tally import SCORE_BINS, Tally
from virnucpro.writers.writer import CalledRecords, SampleFacts

__all__ = ["MultiQC"]

STATS, CALLS, SCORES = "virnucpro_mqc.json", "virnucpro_calls_mqc.json", "virnucpro_scores_mqc.json"
ABOUT: Final = "calls reads and contigs viral or non-viral with language models of DNA and proteins."
PARENT: Final = {"parent_id": "virnucpro", "parent_name": "VirNucPro", "parent_description": ABOUT}
COLOURS: Final = {VIRAL: "#d55e00", NON_VIRAL: "#0072b2", NOT_SCORED: "#bbbbbb"}
"""Of Okabe and Ito: told apart with every common colour blindness."""


class MultiQC:
    """Columns of the general statistics, a bar of calls and a histogram of scores."""

    def __init__(self, results: Results, facts: SampleFacts) -> None:
        self._results, self._sample, self._tally = results, facts.sample, Tally()

    @classmethod
    def files(cls, facts: SampleFacts) -> list[str]:  # noqa: ARG003
        """Name one file for each section."""
        return [STATS, CALLS, SCORES]

    def __enter__(self) -> Self:
        return self

    def write(self, called: CalledRecords) -> None:
        """Count some records."""
        self._tally.add(called)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for name, section in ((STATS, self._stats()), (CALLS, self._calls()), (SCORES, self._scores())):
                self._results.open(name).write((json.dumps(section, indent=1) + "\n").encode())

    def _stats(self) -> dict[str, Any]:
        tally = self._tally
        row: dict[str, Any] = {"records": tally.records, "viral_records": tally.calls[VIRAL]}
        row |= {"percent_viral": round(100 * tally.calls[VIRAL] / tally.records, 2)} if tally.records else {}
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
        return {"id": "virnucpro", "plot_type": "generalstats", "headers": headers, "data": {self._sample: row}}

    def _calls(self) -> dict[str, Any]:
        config = {"id": "virnucpro_calls_plot", "title": "VirNucPro: Calls", "ylab": "Records"}
        categories = {call: {"name": call.replace("_", " "), "color": colour} for call, colour in COLOURS.items()}
        counts = {call: self._tally.calls[call] for call in COLOURS}
        return {
            **PARENT, "id": "virnucpro_calls", "section_name": "Calls", "plot_type": "bargraph", "pconfig": config,
            "description": "Records, or pairs of reads, by call.", "categories": categories,
            "data": {self._sample: counts},
        }  # fmt: skip

    def _scores(self) -> dict[str, Any]:
        config = {
            "id": "virnucpro_scores_plot", "title": "VirNucPro: Scores", "xlab": "virus score",
            "ylab": "% of scored records", "xmin": 0, "xmax": 1, "ymin": 0, "logswitch": True,
        }  # fmt: skip
        shares = 100 * self._tally.scores / max(self._tally.scores.sum(), 1)  # samples differ in size
        points = {f"{(at + 0.5) / SCORE_BINS:.2f}": round(share, 4) for at, share in enumerate(shares.tolist())}
        return {
            **PARENT, "id": "virnucpro_scores", "section_name": "Scores", "plot_type": "linegraph", "pconfig": config,
            "description": f"Histogram of virus_score in {SCORE_BINS} bins.", "data": {self._sample: points},
        }  # fmt: skip
