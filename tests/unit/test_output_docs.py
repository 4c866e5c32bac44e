"""docs/predict.md and docs/regions.md name every output, file, column and word."""

import re
from pathlib import Path

import pytest

from called_records import facts_of
from virnucpro.scoring.call_warnings import WARNINGS
from virnucpro.verbs.summary import SUMMARY_COLUMNS
from virnucpro.writers.calls import CallsTable
from virnucpro.writers.outputs import OUTPUTS
from virnucpro.writers.regions import RegionsTable
from virnucpro.writers.windows import WindowsTable

DOCS = Path(__file__).parents[2] / "docs"


def section(page, title):
    text = (DOCS / page).read_text()
    start = text.index(f"{title}\n")
    return text[start : text.find("\n#", start + len(title))]


def words(text):
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: output.name)
def test_every_output_and_file_is_documented(output):
    named = words(section("predict.md", "## Output"))
    assert output.name in named
    for facts in (
        facts_of(sample="SAMPLE", figures=("png",)),
        facts_of(sample="SAMPLE", figures=("png",), paired=True),
    ):
        for writer in output.classes():
            for name in writer.files(facts):
                shown = re.sub(r"^(non_viral|not_scored)(_[12])?\..*", r"\1.fasta", name)
                assert re.sub(r"_([12])\.fasta$", r"_\1.fastq.gz", shown) in named


@pytest.mark.parametrize(
    ("page", "title", "columns"),
    [
        ("predict.md", "### Columns of `calls.tsv`", [column.name for column in CallsTable.COLUMNS]),
        ("predict.md", "### Columns of `windows.tsv.gz`", [column.name for column in WindowsTable.COLUMNS]),
        ("regions.md", "## Files", [column.name for column in RegionsTable.COLUMNS]),
        ("predict.md", "### Columns of `summary.tsv`", SUMMARY_COLUMNS),
        ("predict.md", "### Columns of `calls.tsv`", WARNINGS),
    ],
)
def test_every_column_and_word_is_documented(page, title, columns):
    assert set(columns) <= words(section(page, title))
