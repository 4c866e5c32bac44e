"""``report.html``: a page with its data, its style and its scripts inside, which asks no network.

Charts are drawn by Apache ECharts, whose distributed file stands unchanged in ``assets``, as SVG: sharp on paper, and
part of the page for those who search it or read it aloud. A Content-Security-Policy allows the page's own script, by
its digest, and nothing from anywhere. Text from inputs is data: JSON without ``<``, put into the page as text only.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any, BinaryIO, Final

from virnucpro.writers.report.facts import ReportFacts
from virnucpro.writers.report.sample import SampleData
from virnucpro.writers.report.tally import LENGTH_EDGES_BP, SCORE_BINS

__all__ = ["write_report"]

SCRIPTS: Final = ("page.js", "table.js", "charts.js", "tracks.js", "report.js")
LIBRARY: Final = "echarts.common.min.js"
IN_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def write_report(stream: BinaryIO, samples: Sequence[SampleData], facts: ReportFacts) -> None:
    """Write the page of one sample or of many."""
    script = "\n".join(_asset(name) for name in SCRIPTS)
    library = _asset(LIBRARY)
    parts = {
        "policy": _policy(library, script),
        "style": _asset("style.css"),
        "library": library,
        "script": script,
        "data": _json({
            **facts.to_json(),
            "length_edges": LENGTH_EDGES_BP,
            "score_bins": SCORE_BINS,
            "samples": [sample.to_json() for sample in samples],
        }),
    }  # fmt: skip
    before, *rest = _asset("page.html").split("{{")
    stream.write(before.encode())
    for piece in rest:
        name, after = piece.split("}}", 1)
        stream.write((parts[name] + after).encode())


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text("utf-8")


def _policy(*scripts: str) -> str:
    """Allow these scripts and no other, styles in the page, and no request."""
    digests = (base64.b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _json(content: Any) -> str:  # noqa: ANN401
    """JSON that cannot end the element it stands in."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.translate(IN_HTML)
