"""Recognise files of other formats, and say what to do with them."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["FASTA", "FASTQ", "GENBANK", "LONGEST_PREAMBLE", "first_line", "foreign_format", "read_head"]

LONGEST_PREAMBLE = 512 * 1024
"""Maximum bytes of blank lines and comments before the first record."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

FASTA, FASTQ, GENBANK = "FASTA", "FASTQ", "GenBank"

_NO_SEQUENCES = "it holds no sequences: give the FASTA file that goes with it"
_UNPACK = "unpack it first"
_TWICE = "the file is compressed twice: decompress it once"
_READERS = "'virnucpro predict', 'features' and 'embed' read it"

_MAGIC = (
    (b"BAM\x01", "BAM", "'samtools fasta' turns it into FASTA"),
    (b"CRAM", "CRAM", "'samtools fasta' turns it into FASTA"),
    (b"BCF", "BCF", _NO_SEQUENCES),
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"PK\x05\x06", "an empty zip archive", "find the file that was to be in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a rar archive", _UNPACK),
    (b"\x1f\x9d", "a file of 'compress' (.Z)", "'gzip -d' unpacks it"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "'lz4 -d' unpacks it"),
    (b"\x1f\x8b", "gzip inside another compression", _TWICE),
    (b"BZh", "bzip2 inside another compression", _TWICE),
    (b"\xfd7zXZ\x00", "xz inside another compression", _TWICE),
    (b"\x28\xb5\x2f\xfd", "zstd inside another compression", _TWICE),
    (b"\x89HDF", "HDF5 (fast5, h5)", "if it holds nanopore signals, call bases first"),
    (b"\x8bPOD", "POD5", "call bases first"),
    (b"\x43\x27\x41\x1a", "2bit", "'twoBitToFa' turns it into FASTA"),
    (b"\x1a\x41\x27\x43", "2bit", "'twoBitToFa' turns it into FASTA"),
    (b"NCBI.sra", "SRA", "'fasterq-dump' turns it into FASTQ"),
    (b".sff", "SFF", "Biopython's SeqIO turns it into FASTQ"),
    (b"ABIF", "an ABI trace", "Biopython's SeqIO turns it into FASTQ"),
    (b"%PDF", "PDF", "save the sequences as text"),
    (b"\xd0\xcf\x11\xe0", "an old Word or Excel file", "save the sequences as plain text"),
    (b"\x93NUMPY", "a NumPy array", "give the sequences themselves"),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8 or plain text"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8 or plain text"),
)

_FIRST_LINES = (
    (rb"LOCUS(\s|$)", GENBANK, "'virnucpro prepare' reads GenBank"),
    (rb">", FASTA, _READERS),
    (rb"@(HD|SQ|RG|PG|CO)\t", "SAM", "'samtools fasta' turns it into FASTA"),
    (rb"@", FASTQ, _READERS),
    (rb"ID   \S", "EMBL", "Biopython's SeqIO turns it into FASTA or GenBank"),
    (rb"##fileformat=VCF", "VCF", _NO_SEQUENCES),
    (rb"##gff-version|##sequence-region|#gtf", "GFF", _NO_SEQUENCES),
    (rb"#\s*STOCKHOLM", "a Stockholm alignment", "Biopython's SeqIO turns it into FASTA"),
    (rb"#NEXUS", "NEXUS", "Biopython's SeqIO turns it into FASTA"),
    (rb"CLUSTAL", "a Clustal alignment", "Biopython's SeqIO turns it into FASTA"),
    (rb"(?i)<!doctype html|<html", "a web page", "the download went wrong: look at it in a browser, and repeat it"),
    (rb"<\?xml|<!DOCTYPE", "XML", "get the sequences as FASTA"),
    (rb"[{\[]\s*[\"\[{]", "JSON", "get the sequences as FASTA"),
    (rb"[^\t]+\t\d+\t[^\t]+\t\d+\t\d+\t(\*|(\d+[MIDNSHP=X])+)\t", "SAM", "'samtools fasta' turns it into FASTA"),
    (rb"[^\t]+\t[^\t]*\t[^\t]+\t\d+\t\d+\t[^\t]+\t[-+.?]\t", "GFF", _NO_SEQUENCES),
    (rb"(track|browser) |[^\t]+\t\d+\t\d+(\t|$)", "BED", _NO_SEQUENCES),
    (rb"[^\t]+\t", "a table", "FASTA has a line that begins with '>' before each sequence"),
    (rb"[A-Za-z*.-]{10,}$", "letters without a header", "FASTA has a line that begins with '>' before each sequence"),
)
_TAR_AT = 257


def read_head(blocks: Iterator[bytes]) -> bytes:
    """Read up to the first informative line, within a limit."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= LONGEST_PREAMBLE or first_line(head[: head.rfind(b"\n") + 1])[1]:
            break
    return head.removeprefix(BYTE_ORDER_MARK)


def first_line(head: bytes) -> tuple[int, bytes]:
    """Number and text of the first line that is neither blank nor a FASTA comment; empty if there is none."""
    for number, line in enumerate(head.split(b"\n"), start=1):
        text = line.strip()
        if text and (not text.startswith((b"#", b";")) or _by_line(text)):
            return number, text
    return 0, b""


def foreign_format(head: bytes) -> tuple[str, str]:
    """Recognise a file by its first decompressed bytes: format and advice; empty if unknown."""
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "a tar archive", _UNPACK
    if head.startswith(b"PK") and b"/data.pkl" in head[:200]:
        return "a PyTorch file (.pt)", "give the sequences that it was made from"
    for magic, name, advice in _MAGIC:
        if head.startswith(magic):
            return name, advice
    kind = _by_line(first_line(head)[1]) or ("", "")
    if kind[0] not in (FASTA, FASTQ) and b"\nLOCUS " in head:  # NCBI's release files start with a few lines of text
        return _by_line(b"LOCUS ") or kind
    return kind


def _by_line(line: bytes) -> tuple[str, str] | None:
    return next(((name, advice) for pattern, name, advice in _FIRST_LINES if re.match(pattern, line)), None)
