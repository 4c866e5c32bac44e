"""Sequences in memory become records, whatever library they come from; files are told from them."""

from pathlib import Path

import dnaio
import numpy as np
import pytest
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord

from virnucpro import ConfigError, InputError
from virnucpro.records import Record
from virnucpro.sequences.in_memory import SequencesInMemory, as_records
from virnucpro.verbs.inputs import open_sequences


def told(given):
    (source,) = open_sequences(given)
    return [(record.id, record.sequence) for record in source]


KINDS = {
    "text": ("ACGT", [("seq1", "ACGT")]),
    "bytes": (b"ACGT", [("seq1", "ACGT")]),
    "NumPy text": (np.array("ACGT"), [("seq1", "ACGT")]),
    "list": (["ACGT", "GGT"], [("seq1", "ACGT"), ("seq2", "GGT")]),
    "tuple of texts": (("ACGT", "GGT"), [("seq1", "ACGT"), ("seq2", "GGT")]),
    "generator": ((text for text in ["ACGT", "GGT"]), [("seq1", "ACGT"), ("seq2", "GGT")]),
    "dict": ({"a": "ACGT", "b": SeqRecord(Seq("GGT"), "other")}, [("a", "ACGT"), ("b", "GGT")]),
    "pairs": ([("a", "ACGT"), ("b", b"GGT")], [("a", "ACGT"), ("b", "GGT")]),
    "Seq": (Seq("ACGT"), [("seq1", "ACGT")]),
    "list of Seq": ([Seq("ACGT"), Seq("GGT")], [("seq1", "ACGT"), ("seq2", "GGT")]),
    "SeqRecord": (SeqRecord(Seq("ACGT"), "a", description="a phage"), [("a", "ACGT")]),
    "nameless SeqRecord": ([SeqRecord(Seq("ACGT"))], [("seq1", "ACGT")]),
    "dnaio": ([dnaio.SequenceRecord("a phage", "ACGT", "IIII")], [("a", "ACGT")]),
    "Record": ([Record(7, "a phage", "ACGT")], [("a", "ACGT")]),
    "duplicates": ([("a", "ACGT"), ("a", "GGT")], [("a", "ACGT"), ("a", "GGT")]),
    "empty": ([""], [("seq1", "")]),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_records_of_every_kind(kind):
    given, expected = KINDS[kind]
    assert told(given) == expected


class Skbio(list):
    """What scikit-bio's sequences have: letters one by one, metadata, and themselves as text."""

    def __init__(self, letters, metadata):
        super().__init__(letters)
        self.metadata = metadata

    def __str__(self):
        return "".join(self)


def test_records_like_scikit_bio_s():
    assert told(Skbio("ACGT", {"id": "a"})) == told([Skbio("ACGT", {"id": "a"})]) == [("a", "ACGT")]
    assert told([Skbio("MKV", {})]) == [("seq1", "MKV")]


@pytest.mark.slow  # its import takes seconds
def test_records_of_scikit_bio():
    skbio = pytest.importorskip("skbio")
    record = skbio.DNA("ACGT", metadata={"id": "a"})
    assert told(record) == told([record]) == [("a", "ACGT")]
    assert told([skbio.Protein("MKV")]) == [("seq1", "MKV")]


def test_a_column_of_pandas():
    pandas = pytest.importorskip("pandas")
    assert told(pandas.Series(["ACGT", "GGT"])) == [("seq1", "ACGT"), ("seq2", "GGT")]


def test_files_are_told_from_sequences(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("x.fna", Path("x"), ["x.fna"], [Path("x")], iter([Path("x")])):
        (source,) = open_sequences(given)
        assert source.path in (Path("x.fna"), Path("x"))
    assert told("reads") == [("seq1", "reads")]
    (tmp_path / "reads").write_text(">a\nAC\n")
    assert told("reads") == [("a", "AC")]  # a file of that name is meant
    assert told(["A" * 5000]) == [("seq1", "A" * 5000)]  # too long for a file name


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["ACGT", "x.fna"], ConfigError, "x.fna is taken for a file and 'ACGT' for a sequence; give one kind"),
        ([], ConfigError, "no sequences given"),
        ({}, ConfigError, "no sequences given"),
        (np.array(5), InputError, "sequence 1 is a int: 5; give text"),
        (5, InputError, "sequence 1 is a int: 5; give text"),
        (["ACGT", 5], InputError, "sequence 2 is a int: 5"),
        ({"a": None}, InputError, "sequence 'a' is a NoneType"),
        ([["ACGT"]], InputError, "sequence 1 is a list"),
    ],
)
def test_what_is_no_sequence(given, error, message):
    with pytest.raises(error, match=message):
        open_sequences(given)


def test_equal_sequences_have_one_identity():
    first, second, other = (
        SequencesInMemory(as_records(given)) for given in ({"a": "ACGT"}, [("a", "ACGT")], {"aA": "CGT"})
    )
    assert first.identity == second.identity == first.digest()
    assert first.identity.sha256 != other.identity.sha256
    assert first.identity.size == 4


def test_a_header_stays_on_one_line():
    assert as_records({"a\nb": "ACGT"})[0].header == "a b"
