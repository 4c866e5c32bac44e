"""FASTA and FASTQ in, records out; plain or compressed with gzip, bzip2, xz or zstandard.

Format and compression are told from the content, not from the file's name. Headers may hold any UTF-8 text.
"""

from __future__ import annotations

import importlib
import lzma
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Literal, NamedTuple

import dnaio
from xopen import xopen

from virnucpro.errors import InputError
from virnucpro.records import Record

__all__ = ["read_records", "sequence_stem"]

COMPRESSION_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
SEQUENCE_SUFFIXES = (".faa", ".fasta", ".fa", ".fna", ".ffn", ".frn", ".fas", ".mpfa", ".pep", ".fastq", ".fq", ".txt")


class _Entry(NamedTuple):
    """What dnaio fills for FASTA; its own class refuses headers that are not ASCII."""

    name: str
    sequence: str
    qualities: None


def _decompression_errors() -> tuple[type[Exception], ...]:
    """The errors of every decompressor that xopen may choose on this machine."""
    errors: list[type[Exception]] = [EOFError, OSError, zlib.error, lzma.LZMAError]
    for module, name in (
        ("isal.igzip_lib", "error"),
        ("zlib_ng.zlib_ng", "error"),
        ("backports.zstd", "ZstdError"),
        ("compression.zstd", "ZstdError"),
    ):
        try:
            errors.append(getattr(importlib.import_module(module), name))
        except ImportError:  # not installed, so xopen does not use it either
            continue
    return tuple(errors)


DECOMPRESSION_ERRORS = _decompression_errors()

MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _open(path: str, mode: Literal["rb"] = "rb", skip: int = 0) -> IO[bytes]:
    """Open by the first bytes, and read over some of what is in it."""
    with open(path, "rb") as stream:
        start = stream.read(6)
    compression = next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)
    # without threads: no gzip program that outlives an error
    if compression:
        opened: IO[bytes] = xopen(path, mode, threads=0, format=compression)
    else:
        opened = open(path, mode)  # noqa: SIM115  its reader closes it
    opened.read(skip)
    return opened


def sequence_stem(path: Path, suffixes: tuple[str, ...] = SEQUENCE_SUFFIXES) -> str:
    """Name of a sequence file without its compression and sequence suffixes.

    Examples
    --------
    >>> sequence_stem(Path("run1/x.v2.fasta.gz"))
    'x.v2'
    """
    name = path.name
    for known in (COMPRESSION_SUFFIXES, suffixes):
        suffix = next((s for s in known if name.lower().endswith(s) and len(name) > len(s)), "")
        name = name[: len(name) - len(suffix)]
    return name


def read_records(path: Path, label: str | None = None) -> Iterator[Record]:
    """Read a FASTA or FASTQ file, one record after the other."""
    label, number = label or str(path), 0
    try:
        fasta, skip = _is_fasta(path, label)
        if fasta is None:
            return
        reader = dnaio.FastaReader if fasta else dnaio.FastqReader
        entry_class = _Entry if fasta else dnaio.SequenceRecord
        with reader(str(path), sequence_class=entry_class, opener=partial(_open, skip=skip)) as entries:
            for entry in entries:
                number += 1
                yield Record(number, entry.name, entry.sequence)
    except dnaio.FileFormatError as error:
        where = f"{label}:{error.line + 1}" if error.line is not None else f"{label}, record {number + 1}"
        advice = "" if fasta else " (a FASTQ record has four lines; wrapped ones are not read)"
        raise InputError(f"{where}: {error.message}{advice}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{label}, record {number + 1} or soon after it: byte 0x{error.object[error.start]:02x} is not UTF-8 text; "
            "is this a FASTA or FASTQ file?"
        ) from error
    except DECOMPRESSION_ERRORS as error:
        raise InputError(f"{label}, after record {number}: cannot be read: {error or type(error).__name__}") from error


def _is_fasta(path: Path, label: str) -> tuple[bool | None, int]:
    """Tell FASTA from FASTQ by the first line that is not blank, None when there is none; and bytes to read over."""
    skip = 0
    with _open(str(path)) as stream:
        for line_number, line in enumerate(stream, start=1):
            if line_number == 1 and line.startswith(BYTE_ORDER_MARK):
                skip = len(BYTE_ORDER_MARK)
            start = line.removeprefix(BYTE_ORDER_MARK).strip()[:30].decode("utf-8", "replace")
            if start.startswith((">", "#")):
                return True, skip
            if start.startswith("@"):
                return False, skip
            if start:
                raise InputError(
                    f"{label}:{line_number}: neither FASTA nor FASTQ: a record begins with '>' or '@', not {start!r}"
                )
    return None, skip
