"""FASTA and FASTQ in, records out; plain or compressed with gzip, bzip2, xz or zstandard.

Format and compression are told from the content, not from the file's name. Headers of FASTA may hold any UTF-8 text.
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
from virnucpro.sequences.input_files import BLOCK, DECOMPRESSION_ERRORS, InputFile

__all__ = ["COMPRESSION_SUFFIXES", "SEQUENCE_SUFFIXES", "Entry", "SequenceFile", "sequence_stem"]

COMPRESSION_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
SEQUENCE_SUFFIXES = (".faa", ".fasta", ".fa", ".fna", ".ffn", ".frn", ".fas", ".mpfa", ".pep", ".fastq", ".fq", ".txt")


class Entry(NamedTuple):
    """What dnaio fills for FASTA; its own class refuses headers that are not ASCII."""

    name: str
    sequence: str
    qualities: str | None = None


class SequenceFile(InputFile):
    """A FASTA or FASTQ file, plain or compressed; every pass over it is digested."""

    KINDS: ClassVar[tuple[str, ...]] = (FASTA, FASTQ)  # formats that it reads

    def __iter__(self) -> Iterator[Record]:
        """Read the file once, from the first record."""
        number, lines, kind = 0, 0, FASTA
        try:
            with self._pass() as raw:
                kind, lines, blocks = self._begin(unix_line_ends(raw))
                for number, entry in enumerate(self._entries(kind, blocks, lines), start=1):
                    # a Record; made in this way twice as fast
                    yield tuple.__new__(Record, (number, entry.name, entry.sequence, entry.qualities))
        except dnaio.FileFormatError as error:
            where = f":{lines + error.line + 1}" if error.line is not None else f", record {number + 1}"
            raise InputError(f"{self.label}{where}: {shown(error.message)}{_advice(kind, error)}") from error
        except DECOMPRESSION_ERRORS as error:
            raise self._cut_short(error, number) from error

    def _begin(self, blocks: Iterator[bytes]) -> tuple[str, int, Iterator[bytes]]:
        """Tell the format by the first line that says something; gives the blank lines that were passed over, too."""
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
        """A file without records is no error here; one that begins with something else is."""
        line, text = first_line(head)
        if text:
            found = "binary data" if b"\0" in text else repr(shown(text[:30].decode("utf-8", "replace")))
            raise InputError(
                f"{self.label}:{line}: neither FASTA nor FASTQ: a record begins with '>' or '@', not {found}"
            )
        if len(head) >= LONGEST_PREAMBLE:
            raise InputError(f"{self.label}: nothing but blank lines and comments in its first {len(head):,} bytes")


def _parsed(kind: str, blocks: Iterator[bytes], label: str, lines: int) -> Iterable[Entry]:
    """Let dnaio read blocks once they are checked."""
    checked = (FastqText if kind == FASTQ else FastaText)(blocks, label, lines)
    stream = cast("BinaryIO", io.BufferedReader(BlockStream(checked), BLOCK))  # dnaio rescans after each short read
    if kind == FASTQ:
        return cast("Iterable[Entry]", dnaio.FastqReader(stream))
    reader = dnaio.FastaReader(stream, sequence_class=Entry)
    reader._file.reconfigure(encoding="utf-8")  # it would go by the locale
    return cast("Iterable[Entry]", reader)


def _advice(kind: str, error: dnaio.FileFormatError) -> str:
    if kind == FASTA:
        return ""
    if re.search("(found|record was:) '>", error.message):
        return " (was FASTA appended to it? put it into its own file)"
    return " (a FASTQ record has four lines; 'seqkit seq -w 0' makes four of wrapped ones)"


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
