"""Check blocks of untrusted text before a parser sees them.

A parser reads whole lines into memory, whatever their length. So a few NumPy passes check every block first: zip bombs,
binary files and concatenated files of different formats are refused at their line, in little memory.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from virnucpro.errors import InputError

__all__ = [
    "LONGEST_HEADER",
    "LONGEST_LINE",
    "LONGEST_READ",
    "LONGEST_RECORD",
    "BlockStream",
    "CheckedText",
    "FastaText",
    "FastqText",
    "unix_line_ends",
]

LONGEST_HEADER = 1 << 20
"""Maximum bytes of a header line, and of any line of a GenBank file."""
LONGEST_LINE = 1 << 30
"""Maximum bytes of a sequence line: more than a gigabase, longer than nearly all chromosomes."""
LONGEST_READ = 1 << 29
"""Maximum bytes of a FASTQ line."""
LONGEST_RECORD = 1 << 32
"""Maximum bytes of a multi-line record."""

NEWLINE, LAST_ASCII = ord("\n"), 127


def unix_line_ends(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Convert line ends of Windows (CR LF) and old Macintosh (CR) to LF."""
    held = b""
    for each in blocks:
        block = held + each
        held = b""
        if b"\r" in block:
            if block.endswith(b"\r"):  # LF may follow
                block, held = block[:-1], b"\r"
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if block:
            yield block
    if held:
        yield b"\n"


class CheckedText:
    """Blocks of text without NUL bytes and overlong lines."""

    def __init__(self, blocks: Iterable[bytes], label: str, lines_before: int = 0) -> None:
        self._blocks, self._label, self._lines_before = blocks, label, lines_before
        self._lines = 0  # complete lines
        self._open = 0  # bytes of the incomplete line
        self._first = 0  # and its first byte

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            if (at := block.find(b"\0")) >= 0:
                raise self._error(block, at, "a NUL byte: the file is damaged, or is no text")
            yield self._check(block)
            self._measure(block)
            self._lines += int(np.count_nonzero(np.frombuffer(block, np.uint8) == NEWLINE))

    def _measure(self, block: bytes) -> None:
        """Update the length of the incomplete line; lines within a block are never too long."""
        end, last = block.find(b"\n"), block.rfind(b"\n")
        if not self._open:
            self._first = block[0]
        length = self._open + (end if end >= 0 else len(block))
        if length > (limit := self._longest(self._first, self._lines)):
            raise self._error(
                block, 0, f"a line of more than {limit:,} bytes: the file is damaged, or has lost its line ends"
            )
        self._open = len(block) - 1 - last if end >= 0 else length
        if end >= 0 and self._open:
            self._first = block[last + 1]

    def _longest(self, first: int, line: int) -> int:
        """Maximum length of a line, by its first byte and its number from 0."""
        del first, line
        return LONGEST_HEADER

    def _check(self, block: bytes) -> bytes:
        """Check a block; return it, possibly changed."""
        return block

    def _error(self, block: bytes, at: int, what: str) -> InputError:
        """Make an error that names the line of a position in the current block."""
        line = self._lines_before + self._lines + block.count(b"\n", 0, at) + 1
        return InputError(f"{self._label}:{line}: {what}")


class FastaText(CheckedText):
    """UTF-8 FASTA without appended FASTQ and overlong records; comments with ``;`` get ``#`` instead."""

    def __init__(self, blocks: Iterable[bytes], label: str, lines_before: int = 0) -> None:
        super().__init__(blocks, label, lines_before)
        self._decoder, self._pending = codecs.getincrementaldecoder("utf-8")(), 0
        self._record = 0  # bytes since the start of the last header

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        if self._pending:
            raise self._error(b"", 0, "the file ends inside a UTF-8 character: it was cut short, or is not UTF-8")

    def _longest(self, first: int, line: int) -> int:
        del line
        return LONGEST_HEADER if first in b">#;" else LONGEST_LINE

    def _check(self, block: bytes) -> bytes:
        self._require_utf8(block)
        codes = np.frombuffer(block, np.uint8)
        starts = np.flatnonzero(codes[:-1] == NEWLINE) + 1
        if not self._open:
            starts = np.concatenate([[0], starts])
        firsts = codes[starts]
        fastq = starts[(firsts == ord("@")) | (firsts == ord("+"))]
        if len(fastq):
            sign = chr(block[fastq[0]])
            told = f"a line begins with {sign!r}, but this is FASTA: was FASTQ appended to it? put it into its own file"
            raise self._error(block, int(fastq[0]), told)
        self._require_end(block, starts[firsts == ord(">")])
        comments = starts[firsts == ord(";")]
        if not len(comments):
            return block
        changed = codes.copy()
        changed[comments] = ord("#")
        return changed.tobytes()

    def _require_utf8(self, block: bytes) -> None:
        if not self._pending and block.isascii():
            return
        try:
            self._decoder.decode(block)
        except UnicodeDecodeError as error:
            told = f"byte 0x{error.object[error.start]:02x} is not UTF-8 text; save the file as UTF-8"
            raise self._error(block, max(error.start - self._pending, 0), told) from error
        self._pending = len(self._decoder.getstate()[0])

    def _require_end(self, block: bytes, headers: NDArray[np.intp]) -> None:
        longest = self._record + (int(headers[0]) if len(headers) else len(block))
        if longest > LONGEST_RECORD:
            raise self._error(block, 0, f"a record of more than {LONGEST_RECORD:,} bytes")
        self._record = len(block) - int(headers[-1]) if len(headers) else longest


class FastqText(CheckedText):
    """ASCII FASTQ of four-line records with short first and third lines; trailing blank lines are dropped."""

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        for block in super().__iter__():
            text = block.rstrip(b"\n")
            if text:
                yield held + text
                held = b""
            held += block[len(text) :]
            if len(held) > LONGEST_HEADER:
                raise self._error(block, 0, f"more than {LONGEST_HEADER:,} blank lines")
        yield held[: (len(held) - self._lines) % 4]  # blank lines that belong to the last record

    def _longest(self, first: int, line: int) -> int:
        del first
        return LONGEST_READ if line % 2 else LONGEST_HEADER

    def _check(self, block: bytes) -> bytes:
        if not block.isascii():
            at = int(np.argmax(np.frombuffer(block, np.uint8) > LAST_ASCII))
            raise self._error(block, at, f"byte 0x{block[at]:02x} is not ASCII, which FASTQ is written in")
        return block


class BlockStream(io.RawIOBase):
    """A stream of blocks for a parser."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._rest = iter(blocks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
