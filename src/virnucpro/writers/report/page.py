"""``report.html``: a page with its data, its style and its scripts inside, which asks no network.

Charts are drawn by Apache ECharts, whose distributed file stands unchanged in ``assets``, as SVG: sharp on paper, and
part of the page for those who search it or read it aloud. A Content-Security-Policy allows the page's own script, by
its digest, and nothing from anywhere. Text from inputs is data: JSON without ``<``, put into the page as text only.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO, Final

from virnucpro.errors import StoreError
from virnucpro.writers.drawing import CALL_COLOURS
from virnucpro.writers.report.sample import ReportLimits
from virnucpro.writers.tally import LENGTH_EDGES_BP, SCORE_BINS

__all__ = ["combine_reports", "write_report"]

SCRIPTS: Final = ("page.js", "table.js", "charts.js", "tracks.js", "report.js")
LIBRARY: Final = "echarts.common.min.js"
DATA_BEGIN: Final = '<script type="application/json" id="data">'
IN_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def write_report(stream: BinaryIO, samples: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    """Write the page of one sample or of many: `SampleData` and `ReportFacts` in JSON."""
    script = "\n".join(_asset(name) for name in SCRIPTS)
    library = _asset(LIBRARY)
    parts = {
        "policy": _policy(library, script),
        "style": _style(),
        "library": library,
        "script": script,
        "data": _json({
            **facts,
            "length_edges": LENGTH_EDGES_BP,
            "score_bins": SCORE_BINS,
            "samples": list(samples),
        }),
    }  # fmt: skip
    before, *rest = _asset("page.html").split("{{")
    stream.write(before.encode())
    for segment in rest:
        name, after = segment.split("}}", 1)
        stream.write((parts[name] + after).encode())


def combine_reports(stream: BinaryIO, pages: Sequence[Path], refused: Sequence[str] = ()) -> None:
    """Write one page of the samples of several pages, which share its limits, with the facts that hold for all.

    Samples that were refused have no page; they are named.
    """
    limits = ReportLimits.of(len(pages))
    samples: list[Mapping[str, Any]] = []
    facts: list[list[str]] | None = None
    for page in pages:
        found = _data_of(page)
        facts = [fact for fact in facts if fact in found["facts"]] if facts is not None else found["facts"]
        samples += [_cut(sample, limits) for sample in found["samples"]]
    write_report(stream, samples, {"facts": facts or [], "refused": list(refused)})


def _data_of(page: Path) -> dict[str, Any]:
    """Read the data of a page that `write_report` wrote."""
    _, _, rest = page.read_text("ascii", "replace").partition(DATA_BEGIN)
    try:
        found: dict[str, Any] = json.loads(rest.partition("</script>")[0])
    except ValueError as error:
        raise StoreError(f"{page} is not the report of a sample any more; add --overwrite") from error
    return found


def _cut(sample: dict[str, Any], limits: ReportLimits) -> dict[str, Any]:
    """Keep the first rows, which are the best."""

    def first(table: dict[str, Any], rows: int) -> dict[str, Any]:
        return {name: column[:rows] if isinstance(column, list) else column for name, column in table.items()}

    return sample | {
        "viral": first(sample["viral"], limits.records),
        "proviruses": first(sample["proviruses"], limits.proviruses),
        "tracks": first(sample["tracks"], limits.tracks),
    }


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text("utf-8")


def _style() -> str:
    """The sheet behind the colours of calls on a light page."""
    colours = " ".join(f"--light-{call.replace('_', '-')}: {colour};" for call, colour in CALL_COLOURS.items())
    return f":root {{ {colours} }}\n{_asset('style.css')}"


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
