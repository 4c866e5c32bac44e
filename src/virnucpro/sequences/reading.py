"""Read FASTA and FASTQ, plain or compressed with gzip, bzip2, xz or zstandard.

Format and compression are recognised by content, not by file name. FASTA headers may hold any UTF-8 text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, ClassVar, NamedTuple, cast

import dnaio

from virnucpro.errors import InputError, shown
from virnucpro.records import Record
from virnucpro.sequences.checked_text import BlockStream, FastaText, FastqText, unix_line_ends
from virnucpro.sequences.formats import FASTA, FASTQ, LONGEST_PREAMBLE, first_line, foreign_format, read_head
from virnucpro.sequences.input_files import BLOCK, CUT_SHORT, DECOMPRESSION_ERRORS, InputFile

__all__ = ["COMPRESSION_SUFFIXES", "SEQUENCE_SUFFIXES", "Entry", "SequenceFile", "sequence_stem"]

COMPRESSION_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
SEQUENCE_SUFFIXES = (".faa", ".fasta", ".fa", ".fna", ".ffn", ".frn", ".fas", ".mpfa", ".pep", ".fastq", ".fq", ".txt")


UNWRAP = "a FASTQ record has four lines; 'seqkit seq -w 0' makes four of wrapped ones"
"""What to do with sequences or qualities on several lines."""


class Entry(NamedTuple):
    """A FASTA record for dnaio, whose own class refuses headers that are not ASCII."""

    name: str
    sequence: str
    qualities: str | None = None


class SequenceFile(InputFile):
    """A FASTA or FASTQ file, plain or compressed; every pass over it is digested."""

    KINDS: ClassVar[tuple[str, ...]] = (FASTA, FASTQ)  # formats that it reads

    def __iter__(self) -> Iterator[Record]:
        """Iterate over all records from the beginning."""
        number, lines, kind = 0, 0, FASTA
        try:
            with self._pass() as raw:
                kind, lines, blocks = self._begin(unix_line_ends(raw))
                for number, entry in enumerate(self._entries(kind, blocks, lines), start=1):
                    # a Record, created in half the time
                    yield tuple.__new__(Record, (number, entry.name, entry.sequence, entry.qualities))
        except dnaio.FileFormatError as error:
            where = f":{lines + error.line + 1}" if error.line is not None else f", record {number + 1}"
            raise InputError(f"{self.label}{where}: {_explained(kind, error, number + 1)}") from error
        except DECOMPRESSION_ERRORS as error:
            raise self._cut_short(error, number) from error

    def _begin(self, blocks: Iterator[bytes]) -> tuple[str, int, Iterator[bytes]]:
        """Recognise the format by the first informative line; also return the number of blank lines before it."""
        head = read_head(blocks)
        kind, advice = foreign_format(head)
        if not kind:
            self._require_no_start(head)
        elif kind not in self.KINDS:
            raise InputError(f"{self.label}: looks like {kind}, not {' or '.join(self.KINDS)}; {advice}")
        blank = head[: len(head) - len(head.lstrip())].rfind(b"\n") + 1
        return kind or FASTA, head.count(b"\n", 0, blank), chain(filter(None, [head[blank:]]), blocks)

    def _entries(self, kind: str, blocks: Iterator[bytes], lines: int) -> Iterable[Entry]:
        """Parse the records of a format."""
        return _parsed(kind, blocks, self.label, lines)

    def _require_no_start(self, head: bytes) -> None:
        """Accept a file without records; refuse one that starts with something else."""
        line, text = first_line(head)
        if text:
            found = "binary data" if b"\0" in text else repr(shown(text[:30].decode("utf-8", "replace")))
            raise InputError(
                f"{self.label}:{line}: neither FASTA nor FASTQ: a record begins with '>' or '@', not {found}"
            )
        if len(head) >= LONGEST_PREAMBLE:
            raise InputError(f"{self.label}: nothing but blank lines and comments in its first {len(head):,} bytes")


def _parsed(kind: str, blocks: Iterator[bytes], label: str, lines: int) -> Iterable[Entry]:
    """Parse checked blocks with dnaio."""
    checked = (FastqText if kind == FASTQ else FastaText)(blocks, label, lines)
    stream = cast("BinaryIO", io.BufferedReader(BlockStream(checked), BLOCK))  # dnaio scans again after each short read
    if kind == FASTQ:
        return cast("Iterable[Entry]", dnaio.FastqReader(stream))
    reader = dnaio.FastaReader(stream, sequence_class=Entry)
    reader._file.reconfigure(encoding="utf-8")  # otherwise it would use the locale
    return cast("Iterable[Entry]", reader)


def _explained(kind: str, error: dnaio.FileFormatError, number: int) -> str:
    """Say what is wrong with a record, and the probable cause."""
    if kind == FASTA:
        return shown(error.message)
    if re.search("(found|record was:) '>", error.message):
        return f"{shown(error.message)} (was FASTA appended to it? put it into its own file)"
    if error.message.startswith("Premature end"):
        return f"the file ends in the middle of record {number}: it {CUT_SHORT}"
    if error.message.startswith("Length of sequence and qualities differ"):
        return (
            f"record {number} does not have one quality for each letter: its qualities are wrapped ({UNWRAP}), "
            f"or the file is damaged, or, if this is its last line, it {CUT_SHORT}"
        )
    return f"{shown(error.message)} ({UNWRAP})"


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
