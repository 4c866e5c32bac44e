"""GenBank in: what a record holds, and what is wrong with it, told for that record alone."""

import bz2
import gzip
import hashlib
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbank_files import cds, locus, origin, record, write_genbank
from virnucpro import InputError
from virnucpro.sequences.genbank import GENBANK_SUFFIXES, GenBankFile
from virnucpro.sequences.reading import sequence_stem

DNA = "ATGAAAGTTCTTGCT" * 9
GOOD = record("AB1", DNA, cds("1..15", "MKVLA"), cds("<20..>40", "KVL"))
OTHER = record("AB2", DNA[:30], cds("join(1..6,10..15)", "MKVLAMKV" * 12))


def read(tmp_path, *records):
    return list(GenBankFile(write_genbank(tmp_path / "x.gb", *records)))


def test_what_a_record_holds(tmp_path):
    first, second = read(tmp_path, GOOD, OTHER)
    assert (first.number, first.id, first.sequence.upper(), first.problem) == (1, "AB1.1", DNA, "")
    assert (first.n_cds, first.translations) == (2, ("MKVLA", "KVL"))
    assert (second.number, second.id, second.translations) == (2, "AB2.1", ("MKVLAMKV" * 12,))


def test_a_cds_may_have_no_translation(tmp_path):
    (found,) = read(tmp_path, record("AB1", DNA, cds("1..9", None, "/pseudo"), cds("1..15", "MKVLA"), cds("1..6")))
    assert (found.n_cds, found.translations, found.problem) == (3, ("MKVLA",), "")


def test_a_record_without_version_or_accession_goes_by_its_locus_name(tmp_path):
    assert [found.id for found in read(tmp_path, record("AB1", DNA, version=False))] == ["AB1"]
    assert [found.id for found in read(tmp_path, locus("AB2", 15) + origin(DNA[:15]) + "//\n")] == ["AB2"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.rstrip(),
        lambda text: "GBVRL1.SEQ   Genetic Sequence Data Bank\n\n  2 loci\n\n" + text + "\n\n",
        lambda text: text.replace("made for a test", "Éléphant"),
        lambda text: text.replace("1..15", "1..fifteen"),  # locations are not used
        lambda text: text.replace("LOCUS       AB1             ", "LOCUS       " + "AB1" + "_long" * 8),
    ],
)
def test_what_does_no_harm(tmp_path, edit):
    path = tmp_path / "x.gb"
    path.write_bytes(edit(GOOD + OTHER).encode("latin-1"))
    assert [(len(found.sequence), found.problem) for found in GenBankFile(path)] == [(135, ""), (30, "")]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_compression(tmp_path, compress):
    whole = compress((GOOD * 200).encode())
    path = tmp_path / "x.gb.packed"
    path.write_bytes(whole)
    assert len(list(GenBankFile(path))) == 200
    path.write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"x\.gb\.packed, after record \d+: cannot be read"):
        list(GenBankFile(path))


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (GOOD.removesuffix("//\n"), "malformed: no end marker (//), the record is cut off"),
        (GOOD[: GOOD.index("ORIGIN") + 99] + "\n", "malformed: no end marker"),
        (GOOD[: GOOD.index("/translation") + 9] + "\n", "malformed: no end marker"),
        (GOOD[:40] + "\n", "malformed: no end marker"),
        (record("AB1", DNA, content=origin(DNA[:60])), "malformed: Expected sequence length 135, found 60"),
        (GOOD.replace("        1 atg", "         1 atg"), "malformed: Invalid indentation for sequence line"),
        (GOOD.replace("     CDS             1..15", "     CDS"), "malformed: "),
        (GOOD.replace("ORIGIN", "ORIGINAL"), "malformed: "),
        ("LOCUS \n//\n", "malformed: "),
        (locus("AB1", 5, "aa", "       ") + origin("MKVLA") + "//\n", "a protein, not nucleotides"),
    ],
)
def test_a_bad_record_is_told_and_costs_no_other(tmp_path, bad, told):
    before, found, after = read(tmp_path, OTHER, bad, OTHER)
    assert found.problem.startswith(told)
    assert (found.sequence, found.n_cds, found.translations) == ("", 0, ())
    assert found.id in ("AB1", "AB1.1", "record_2")
    assert (before.problem, after.problem, after.id, after.number) == ("", "", "AB2.1", 3)
    last = read(tmp_path, OTHER, bad)[-1]
    assert last.problem.startswith(told)


def test_a_record_built_from_others_has_no_sequence(tmp_path):
    contig = "CONTIG      join(AAAA01000001.1:1..135)\n"
    (found,) = read(tmp_path, record("AB1", DNA, cds("1..15", "MKVLA"), content=contig))
    assert (found.sequence, found.translations, found.problem) == ("", ("MKVLA",), "")


@pytest.mark.parametrize("content", ["", "\n\n", "locus\n", "some text\n"])
def test_a_file_without_records(tmp_path, content):
    with pytest.raises(InputError, match=r"x\.gb: holds no GenBank record: no line begins with LOCUS"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\0\1\2\n", r"x\.gb:1: a NUL byte"),
        (GOOD.replace("made", "m\0de"), r"x\.gb:2: a NUL byte"),
        (GOOD + GOOD.replace("LOCUS ", "LOCUS\t", 1), r"x\.gb:\d+: 'LOCUS\\t.*stands where a record begins"),
        (GOOD.replace("LOCUS ", "LOCU5 ", 1) + GOOD, r"x\.gb:\d+: '//' stands where a record begins"),
        (GOOD + "LOCUS " + "A" * (1 << 21), r"x\.gb:\d+: a line of more than 1,048,576 bytes"),
    ],
)
def test_what_is_refused_as_a_whole(tmp_path, content, told):
    with pytest.raises(InputError, match=told):
        read(tmp_path, content)


def test_what_is_wrong_is_told_on_one_line_without_control_characters(tmp_path):
    (found,) = read(tmp_path, GOOD.replace("     CDS             1..15", "     CDS\x1b[2J" + "\u202e" * 500))
    assert found.problem.isprintable()
    assert len(found.problem) <= len("malformed: ") + 160


def test_every_pass_is_digested_as_it_is_read(tmp_path):
    content = gzip.compress((GOOD + OTHER).encode()) + b"\0" * 9
    (tmp_path / "x.gb").write_bytes(content)
    file = GenBankFile(tmp_path / "x.gb")
    assert [len(list(file)), len(list(file))] == [2, 2]
    assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))
    (tmp_path / "x.gb").write_text(OTHER + GOOD)
    with pytest.raises(InputError, match="changed during the run"):
        list(file)


def test_biopython_warns_nobody(tmp_path, recwarn):
    read(tmp_path, GOOD.replace("        1 atg", "         1 atg"))
    assert not recwarn.list
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path, record("AB1", DNA, content=origin(DNA[:60])))


LINES = (GOOD + OTHER).splitlines(keepends=True)


@given(
    st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "twice", "cut", "indent", "junk"])),
        max_size=4,
    )
)
def test_every_edit_gives_records_or_an_error(tmp_path_factory, edits):
    lines = list(LINES)
    for at, how in edits:
        line = lines[at]
        lines[at] = {
            "drop": "", "twice": line * 2, "cut": line[: len(line) // 2], "indent": " " + line, "junk": "\t!\x01(" + line,
        }[how]  # fmt: skip
    path = write_genbank(tmp_path_factory.mktemp("edited") / "x.gb", *lines)
    starts = sum(line.startswith("LOCUS ") for line in "".join(lines).split("\n"))
    lost = any(old.startswith("LOCUS ") and not new.startswith("LOCUS ") for old, new in zip(LINES, lines, strict=True))
    try:
        found = [record.number for record in GenBankFile(path)]
    except InputError:
        assert lost
    else:
        assert found == list(range(1, starts + 1))
        assert starts


@pytest.mark.parametrize(
    ("name", "stem"), [("x.gb", "x"), ("GCF_1.2_genomic.gbff.gz", "GCF_1.2_genomic"), ("X.GBK", "X"), ("x.fa", "x.fa")]
)
def test_stem(tmp_path, name, stem):
    assert sequence_stem(tmp_path / name, GENBANK_SUFFIXES) == stem
