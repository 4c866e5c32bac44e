"""Reading what people have, and saying where it is broken."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from xopen import xopen

from virnucpro import InputError
from virnucpro.sequences.fasta import read_records, sequence_stem

FASTA = b">a first\nMKV\nLLA\n\n>b\nMM\n"


def records(path):
    return [(record.number, record.id, record.sequence) for record in read_records(path)]


def written(tmp_path, content, name="x.faa"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def zstd(content):
    """Through xopen, the library that reads it back."""
    path = Path("x.zst")
    with xopen(path, "wb", threads=0) as stream:
        stream.write(content)
    compressed = path.read_bytes()
    path.unlink()
    return compressed


@pytest.mark.parametrize("content", [FASTA, FASTA.replace(b"\n", b"\r\n"), FASTA.rstrip(), b"\n\n" + FASTA])
def test_line_ends_blank_lines_and_no_final_newline(tmp_path, content):
    assert records(written(tmp_path, content)) == [(1, "a", "MKVLLA"), (2, "b", "MM")]


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstd)]
)
def test_compression(tmp_path, monkeypatch, suffix, compress):
    monkeypatch.chdir(tmp_path)
    compressed = compress(FASTA)
    assert len(records(written(tmp_path, compressed, "x.faa" + suffix))) == 2
    broken = written(tmp_path, compress(b">a\n" + bytes(range(65, 90)) * 2000)[:-20], "y.faa" + suffix)
    with pytest.raises(InputError, match=r"y\.faa.*cannot be read"):
        records(broken)


@pytest.mark.parametrize("name", ["x.faa.gz", "x.bz2", "x.xz", "x.zst"])
def test_compression_is_told_from_content(tmp_path, name):
    assert len(records(written(tmp_path, FASTA, name))) == 2
    assert len(records(written(tmp_path, gzip.compress(FASTA), name))) == 2
    assert len(records(written(tmp_path, lzma.compress(FASTA), "x.faa"))) == 2


@pytest.mark.parametrize("content", [FASTA, b"@a\nMKVLLA\n+\nIIIIII\n@b\nMM\n+\nII\n"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress])
def test_a_byte_order_mark_is_read_over(tmp_path, content, compress):
    path = written(tmp_path, compress(b"\xef\xbb\xbf" + content))
    assert records(path) == [(1, "a", "MKVLLA"), (2, "b", "MM")]
    assert records(written(tmp_path, b"\xef\xbb\xbf")) == []


def test_headers(tmp_path):
    content = ">gi|1|ref  long name µ\nM\n> spaced\nK\n>\nV\n".encode()
    assert [record.id for record in read_records(written(tmp_path, content))] == ["gi|1|ref", "spaced", ""]


def test_one_id_in_two_records(tmp_path):
    assert records(written(tmp_path, b">a\nM\n>a\nK\n")) == [(1, "a", "M"), (2, "a", "K")]


def test_format_is_told_from_content(tmp_path):
    assert records(written(tmp_path, b"@r1 x\nACGT\n+\nIIII\n", "x.fa")) == [(1, "r1", "ACGT")]
    assert records(written(tmp_path, FASTA, "x.fastq"))[1] == (2, "b", "MM")


def test_no_bytes_no_records(tmp_path):
    assert records(written(tmp_path, b"")) == []
    assert records(written(tmp_path, b"\n\n")) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"LOCUS       AB070938\n", r"x\.faa:1: neither FASTA nor FASTQ.*LOCUS"),
        (b"\n\nMKV\n", r"x\.faa:3: neither"),
        (b"@r1\nACGT\n+\nIII\n", r"x\.faa:4: "),
        (b"@r1\nACGT\n+\nIIII\n@r2\nAC\n", r"x\.faa:7: "),
        (b"#comment\nMKV\n>a\nM\n", r"x\.faa:2: Expected '>'"),
        (b">a\nM\n>b\nM\xe9\n", r"x\.faa, record \d or soon after it: byte 0xe9"),
    ],
)
def test_bad_files_are_named_with_line_or_record(tmp_path, content, told):
    with pytest.raises(InputError, match=told):
        records(written(tmp_path, content))


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"absent\.faa.*No such file"):
        records(tmp_path / "absent.faa")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("x.faa", "x"),
        ("x.fasta.gz", "x"),
        ("X.FA.BZ2", "X"),
        ("a.b.fna.zst", "a.b"),
        ("NC_000932.1", "NC_000932.1"),
        (".faa", ".faa"),
        ("x.gz", "x"),
    ],
)
def test_stem(name, stem):
    assert sequence_stem(Path("folder") / name) == stem
