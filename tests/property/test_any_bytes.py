"""Whatever bytes a file holds: records or an InputError, in little memory."""

import bz2
import gzip
import hashlib
import io
import lzma
import tracemalloc

import dnaio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genbank_files import cds, record
from virnucpro import InputError
from virnucpro.sequences.genbank import GenBankFile
from virnucpro.sequences.reading import SequenceFile

LINE = st.sampled_from(
    [b">a b", b">", b"@r", b"+", b"ACGT", b"MKV*", b"", b";c", b"#c", b"IIII", b"LOCUS       x", b"//", b"\xff\xfe", b"\0", b"BZh9"]
) | st.binary(max_size=9)  # fmt: skip
LINE_END = st.sampled_from([b"\n", b"\r\n", b"\r", b""])
TEXT = st.lists(st.tuples(LINE, LINE_END).map(b"".join), max_size=20).map(b"".join)
GENBANK = "".join(record(f"AB{i}", "ATGAAAGTT" * 9, cds("1..9", "MKV")) for i in range(2)).encode()
WHOLE = st.sampled_from([b">a\nACGT\n" * 9, b"@r\nACGT\n+\nIIII\n" * 9, GENBANK])
COMPRESS = st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress])
ALLOWED_BYTES = 32 << 20  # xz wants 8 MiB for its dictionary


@st.composite
def damaged(draw):
    """A file that was whole once: bytes cut out, put in and changed, after compression or before."""
    content = bytearray(draw(COMPRESS)(draw(WHOLE)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return bytes(content)


FILE = st.one_of(st.binary(max_size=200), TEXT, st.builds(lambda f, t: f(t), COMPRESS, TEXT), damaged())


@pytest.mark.parametrize("kind", [SequenceFile, GenBankFile])
def test_any_bytes_give_records_or_an_input_error(tmp_path_factory, kind):
    path = tmp_path_factory.mktemp("any") / "x"

    @given(FILE)
    @settings(max_examples=400, deadline=None)
    def read(content):
        path.write_bytes(content)
        file = kind(path, "x")
        tracemalloc.start()
        try:
            numbers = [each.number for each in file]
            assert numbers == list(range(1, len(numbers) + 1))
            assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))
        except InputError as error:
            told = str(error)
            if not (told.startswith("x") and told.isprintable() and len(told) < 1000):
                raise AssertionError(told) from error
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert most < ALLOWED_BYTES

    read()


@given(st.lists(st.sampled_from([b">a", b">", b"> b c", b"ACGT", b"acg t", b"", b"#x", b"-*."]), max_size=30), LINE_END)
def test_fasta_is_read_as_dnaio_reads_it(tmp_path_factory, lines, line_end):
    content = (line_end or b"\n").join([b">first", *lines])
    path = tmp_path_factory.getbasetemp() / "same.fa"
    path.write_bytes(content)
    expected = [(each.name, each.sequence) for each in dnaio.FastaReader(io.BytesIO(content))]
    assert [(each.header, each.sequence) for each in SequenceFile(path)] == expected
