"""Reading what people have, and saying where it is broken."""

import bz2
import gzip
import hashlib
import lzma
import os
import subprocess
import sys
from collections import deque
from itertools import chain, repeat
from pathlib import Path

import pytest
from xopen import xopen

from virnucpro import InputError
from virnucpro.sequences.checked_text import LONGEST_LINE, LONGEST_READ, FastaText, FastqText
from virnucpro.sequences.input_files import BLOCK
from virnucpro.sequences.reading import SequenceFile, sequence_stem

FASTA = b">a first\nMKV\nLLA\n\n>b\nMM\n"


def records(path):
    return [(record.number, record.id, record.sequence) for record in SequenceFile(path)]


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


FASTQ = b"@a first\nMKVLLA\n+\nIIIIII\n@b\nMM\n+b\n@@\n"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(
    "content", [FASTA, FASTA.rstrip(), b"\n\n" + FASTA, FASTQ, FASTQ.rstrip(), b"\n" + FASTQ + b"\n\n"]
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_line_ends_blank_lines_and_no_final_newline(tmp_path, content, compress, line_end):
    path = written(tmp_path, compress(content.replace(b"\n", line_end)))
    assert records(path) == [(1, "a", "MKVLLA"), (2, "b", "MM")]


def test_line_ends_of_windows_across_blocks(tmp_path):
    """FASTQ has no blank lines, which a line end cut in two would give."""
    start = b"@a\r\n"
    letters = BLOCK - len(start) - 1
    content = start + b"A" * letters + b"\r\n+\r\n" + b"I" * letters + b"\r\n"
    assert content[BLOCK - 1 : BLOCK + 1] == b"\r\n"
    assert records(written(tmp_path, content)) == [(1, "a", "A" * letters)]


def test_comments_are_no_letters(tmp_path):
    content = b"# made by x\n; old\n>a ; kept\n;comment\nMKV\n# more\n;\nLLA\n>b\nMM\n"
    assert records(written(tmp_path, content)) == [(1, "a", "MKVLLA"), (2, "b", "MM")]
    assert records(written(tmp_path, b"# nothing else\n; here\n")) == []


def test_letters_without_quality_are_a_record_of_none(tmp_path):
    assert records(written(tmp_path, b"@a\n\n+\n\n@b\n\n+\n\n\n")) == [(1, "a", ""), (2, "b", "")]


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstd)]
)
def test_compression(tmp_path, monkeypatch, suffix, compress):
    monkeypatch.chdir(tmp_path)
    compressed = compress(FASTA)
    assert len(records(written(tmp_path, compressed, "x.faa" + suffix))) == 2
    broken = written(tmp_path, compress(b">a\n" + bytes(range(65, 90)) * 2000)[:-20], "y.faa" + suffix)
    with pytest.raises(
        InputError, match=r"y\.faa.*, after record 0: cannot be read: the compressed data end.*cut short"
    ):
        records(broken)


def test_compressed_data_that_are_damaged(tmp_path):
    changed = bytearray(gzip.compress(FASTA))
    changed[-8:-4] = bytes(4)  # the checksum
    with pytest.raises(
        InputError, match=r"x\.faa.*, after record \d+: cannot be read: .*; the file is damaged, so copy"
    ):
        records(written(tmp_path, bytes(changed)))


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
    assert [record.id for record in SequenceFile(written(tmp_path, content))] == ["gi|1|ref", "spaced", ""]


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
        (b"<h1>Not found\n", r"x\.faa:1: neither FASTA nor FASTQ.*not '<h1>Not found'"),
        (b"\n\nMKV\n", r"x\.faa:3: neither"),
        (b"@r1\nACGT\n+\nIII\n", r"x\.faa:4: "),
        (b"@r1\nACGT\n+\nIIII\n@r2\nAC\n", r"x\.faa:7: the file ends in the middle of record 2: it was cut short"),
        (b"@r1\nACGT\n+\nIIII\n@r2", r"x\.faa:5: the file ends in the middle of record 2: .*download it again$"),
        (
            b"@r1\nACGT\n+\nIIII\n@r2\nACGT\n+\nII",
            r"x\.faa:8: record 2 does not have one quality for each letter: .* last line, it was cut short",
        ),
        (
            b"@r1\nACGT\n+\nII\n@r2\nACGT\n+\nIIII\n",
            r"x\.faa:4: record 1 does not have one quality for each letter: .*, or the file is damaged",
        ),
        (
            b"@r1\nACGTAC\n+\nIII\nIII\n@r2\nAC\n+\nII\n",
            r"x\.faa:4: record 1 .*: its qualities are wrapped \(.*'seqkit seq -w 0'.*\), or the file is damaged",
        ),
        (b"#comment\nMKV\n>a\nM\n", r"x\.faa:2: neither FASTA nor FASTQ.*not 'MKV'"),
        (b"; of Pearson's kind\nMKV\n", r"x\.faa:2: neither"),
        (b">a\nM\n>b\nM\xe9\n", r"x\.faa:4: byte 0xe9 is not UTF-8"),
        (b">a\nM\n>caf\xc3", r"x\.faa:3: the file ends inside a UTF-8 character"),
        (b"@r \xe9\nM\n+\nI\n", r"x\.faa:1: byte 0xe9 is not ASCII"),
        (b"\n\n@r1\nAC\n+\nI\n", r"x\.faa:6: "),
        (b"@r1\nAC\n+\nII\n>a\nACGT\n", r"x\.faa:7: Premature end.*was FASTA appended to it"),
        (b"@r1\nAC\n+\nII\n>a\nA\n>b\nC\n", r"x\.faa:5: Line expected to start with '@', but found '>'.*was FASTA"),
        (b"@r1\nAC\n\n\n\n", r"x\.faa:3: "),
        (b"@r1\nAC\nGT\n+\nIIII\n", r"x\.faa:3: .*'seqkit seq -w 0'"),
        (b">a\nACGT\n@r1\nACGT\n+\nIIII\n", r"x\.faa:3: a line begins with '@', but this is FASTA"),
        (b">a\nACGT\n+\nACGT\n", r"x\.faa:3: a line begins with '\+'"),
        (b">a\nAC\0GT\n", r"x\.faa:2: a NUL byte"),
        (b"\0\0\0\0", r"x\.faa:1: .* not binary data"),
        (b"@r1\nAC\n+\nI\0\n", r"x\.faa:4: a NUL byte"),
        (b">a\x1b[2J\xe2\x80\xae\nM\n>" + b"b" * (1 << 20) + b"\nM\n", r"x\.faa:3: a line of more than 1,048,576"),
        (b"@" + b"b" * (1 << 21) + b"\nM\n+\nI\n", r"x\.faa:1: a line of more than 1,048,576"),
        (b"\n" * (1 << 20), r"x\.faa: nothing but blank lines and comments in its first 524,288 bytes"),
        (b"@r1\nAC\n+\nII\n" + b"\n" * (1 << 21), r"x\.faa:\d+: more than 1,048,576 blank lines"),
        (b"\x1b[2J\n", r"x\.faa:1: neither .* not '\\\\x1b\[2J'"),
        (b"@r1\nAC\n+\x1b[2J\nII\n", r"x\.faa:3: Sequence descriptions don't match \('r1' != '\\x1b\[2J'\)"),
    ],
)
def test_bad_files_are_named_with_line_or_record(tmp_path, content, told):
    with pytest.raises(InputError, match=told):
        records(written(tmp_path, content))


def test_every_pass_is_digested_as_it_is_read(tmp_path):
    for content in (
        FASTA,
        gzip.compress(FASTA),
        gzip.compress(FASTA) * 3 + b"\0" * 99,
        bz2.compress(FASTA) + b"x" * 10**6,
        b"",
        b"\n",
    ):
        file = SequenceFile(written(tmp_path, content))
        assert (file.sha256, file.size) == ("", 0)
        for _ in range(2):
            list(file)
            assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))


def test_a_pass_that_was_left_or_failed_tells_nothing(tmp_path):
    file = SequenceFile(written(tmp_path, FASTA))
    assert next(iter(file)).id == "a"
    assert file.sha256 == ""
    file = SequenceFile(written(tmp_path, FASTA + b"@r1\n"))
    with pytest.raises(InputError):
        list(file)
    assert file.sha256 == ""


def test_a_file_that_changes_between_passes_is_refused(tmp_path):
    file = SequenceFile(written(tmp_path, FASTA), "mine")
    assert len(list(file)) == 2
    written(tmp_path, FASTA.replace(b"MM", b"MK"))
    with pytest.raises(InputError, match="mine: changed during the run"):
        list(file)
    with pytest.raises(InputError, match="changed during the run"):
        list(SequenceFile(file.path, sha256=file.sha256))


def test_gzip_of_many_members(tmp_path):
    members = [gzip.compress(FASTA[i : i + 1]) for i in range(len(FASTA))]
    assert records(written(tmp_path, gzip.compress(b"").join(members))) == [(1, "a", "MKVLLA"), (2, "b", "MM")]


def test_the_locale_decides_nothing(tmp_path):
    path = tmp_path / os.fsdecode(b"x\xff.fa")
    script = f"""
import sys
from pathlib import Path
from virnucpro import InputError
from virnucpro.sequences.reading import SequenceFile
path = Path({str(path)!r})
path.write_bytes(b">\\xc3\\xa4 \\xc2\\xb5\\nM\\n")
print(ascii(next(iter(SequenceFile(path))).header))
path.write_bytes(b"LOCUS ")
try:
    list(SequenceFile(path))
except InputError as error:
    print(error)
"""
    for setting in ({"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        run = [sys.executable, "-c", script]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ | setting)
        assert done.stdout.startswith(ascii("ä µ"))
        assert "x\\xff.fa: looks like GenBank" in done.stdout


def test_little_memory_for_a_lot_of_nothing(tmp_path):
    """64 MB of gzipped NULs, letters or line ends behind a record."""
    script = """
import resource, sys
from pathlib import Path
from virnucpro.sequences.reading import SequenceFile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    list(SequenceFile(Path(sys.argv[1])))
except Exception as error:
    print(type(error).__name__)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    for start, byte, told in (
        (b"", b"\0", "InputError"),
        (b">a\n", b"\0", "InputError"),
        (b"@a\nA\n+\nI\n", b"\n", "InputError"),
    ):
        path = written(tmp_path, gzip.compress(start + byte * (1 << 26), 1))
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
        error, kilobytes = done.stdout.split()
        assert error == told
        assert int(kilobytes) < 16_000


def test_a_long_line_of_letters_is_read_and_a_longer_one_refused():
    """The blocks alone, without a gigabyte behind them."""
    block = b"A" * (1 << 17)
    for first, kind, limit in ((b">a\n", FastaText, LONGEST_LINE), (b"@a\n", FastqText, LONGEST_READ)):
        whole = chain([first], repeat(block, limit // len(block)), [b"\n"])
        assert sum(len(each) for each in kind(whole, "x")) >= limit
        with pytest.raises(InputError, match=rf"x:2: a line of more than {limit:,} bytes"):
            deque(kind(chain([first], repeat(block)), "x"), maxlen=0)
    lines = b"\n".join([b"A" * 1023] * 128) + b"\n"
    with pytest.raises(InputError, match=r"x:\d+: a record of more than 4,294,967,296 bytes"):
        deque(FastaText(chain([b">a\n"], repeat(lines)), "x"), maxlen=0)


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
