"""Cells of tables: whatever an ID holds, it stays one cell of text."""

import csv
import io

import pytest

from virnucpro.writers.cells import MAX_ID_CHARACTERS, cell


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("contig_1", "contig_1"),
        ("", ""),
        ("NA", r"\x4eA"),
        ("NA1", "NA1"),
        ("病毒|x'y", "病毒|x'y"),
        ("=HYPERLINK(1)", r"\x3dHYPERLINK(1)"),
        ("+1", r"\x2b1"),
        ("-1", r"\x2d1"),
        ("@SUM", r"\x40SUM"),
        ("\uff1d1", r"\uff1d1"),
        ("a=b-c@d", "a=b-c@d"),
        ('"quoted"', r"\x22quoted\x22"),
        ("\x1b[2J\u202ex", r"\x1b[2J\u202ex"),
        ("\t=1", r"\t=1"),
    ],
)
def test_text_becomes_one_cell(text, wanted):
    assert cell(text) == wanted


def test_a_long_id_is_cut():
    assert cell("x" * 5000) == "x" * (MAX_ID_CHARACTERS - 3) + "..."


def test_no_parser_of_tables_is_misled():
    texts = ['"', "a\tb", "\r\n=x", "'", "#comment", "\\", "-", "\x00", "\u2028"]
    table = "".join(f"{cell(text)}\t1\n" for text in texts)
    rows = list(csv.reader(io.StringIO(table), delimiter="\t"))
    assert [row[0] for row in rows] == [cell(text) for text in texts]
    assert {row[1] for row in rows} == {"1"}
