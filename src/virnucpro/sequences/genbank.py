"""Read GenBank flat files, plain or compressed: records with their annotated translations.

Biopython parses the records. It stops at the first record that it cannot parse, and prints warnings to stderr. So each
record is given to it separately, and its errors and warnings become that record's `problem`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TextIO

from virnucpro.errors import InputError, shown
from virnucpro.sequences.checked_text import LONGEST_RECORD, BlockStream, CheckedText, unix_line_ends
from virnucpro.sequences.formats import GENBANK, foreign_format, read_head
from virnucpro.sequences.input_files import BLOCK, DECOMPRESSION_ERRORS, InputFile

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord

__all__ = ["GENBANK_SUFFIXES", "GenBankFile", "GenBankRecord", "parse_genbank"]

GENBANK_SUFFIXES = (".gbff", ".genbank", ".gbk", ".gb", ".seq")

_END = "//"
_LONGEST_PROBLEM = 160
_HARMLESS = (
    "LOCUS line", "locus line", "molecule type", "seq_type", "feature location", "feature line wrapping",
    "Over indented", "White space after equals", "double-quote", "TITLE line", "Structured comment", "Blank line",
)  # fmt: skip
"""Fragments of Biopython warnings that do no harm here (dates, locations, references); the length tells whether a
sequence is complete. Any other warning makes a record malformed."""

_PARSER_ERRORS = (ValueError, AssertionError, IndexError, KeyError, TypeError, AttributeError)
"""Errors of Biopython's parser on unexpected lines; it has no error class of its own."""


@dataclass(frozen=True, slots=True)
class GenBankRecord:
    """The parts of a GenBank record that `prepare` needs."""

    number: int  # position in the file, from 1
    id: str  # one word: accession with version, or a substitute, at last ``record_N``
    sequence: str  # bases as written; empty if the record has none (contigs built from others) or is malformed
    n_cds: int  # CDS features
    translations: tuple[str, ...]  # one for every CDS that has a translation, in file order, upper case
    # translation tables that its CDS features name
    genetic_codes: frozenset[int] = frozenset()
    problem: str = ""  # why the record cannot be used; empty if it can


class _RecordLines:
    """A stream for Biopython that ends after each record."""

    def __init__(self, stream: TextIO, label: str) -> None:
        self._stream, self._label = stream, label
        self._lines, self._begun = 0, False
        self._length = 0  # characters of this record so far
        self._held = ""  # the LOCUS line of the next record
        self._over = True
        self.complete = False
        self.name = ""

    def advance(self) -> bool:
        """Go to the next record; False if there is none."""
        while self.readline():  # the rest of the last record
            pass
        line = self._held or self._next_line()
        while line and not _is_locus(line):
            lost = line.strip() not in ("", _END) if self._begun else line.rstrip() == _END
            if lost:  # what comes before the first record may be the title of a release
                raise InputError(
                    f"{self._label}:{self._lines}: '{shown(line.strip(), 40)}' stands where a record begins with LOCUS "
                    "and a space; is its first line damaged?"
                )
            line = self._next_line()
        self._held, self._over, self.complete, self._length, self._begun = line, False, False, 0, True
        self.name = " ".join(line.split()[1:2])
        return bool(line)

    def readline(self) -> str:
        """Return the next line of this record; empty after its end marker or before the next record."""
        if self._over:
            return ""
        first, self._held = self._held, ""
        line = first or self._next_line()
        if not first and _is_locus(line):
            self._held, line = line, ""
        self._length += len(line)
        if self._length > LONGEST_RECORD:
            raise InputError(f"{self._label}: a record of more than {LONGEST_RECORD:,} characters")
        self.complete = line.rstrip() == _END
        self._over = self.complete or not line
        return line

    def _next_line(self) -> str:
        line = self._stream.readline()
        self._lines += 1
        return line


class GenBankFile(InputFile):
    """A GenBank file, plain or compressed; every pass over it is digested, and one record is in memory at a time."""

    def __iter__(self) -> Iterator[GenBankRecord]:
        """Iterate over all records from the beginning."""
        number = 0
        try:
            with self._pass() as raw:
                blocks = unix_line_ends(raw)
                head = read_head(blocks)
                self._require_genbank(head)
                for record in parse_genbank(chain(filter(None, [head]), blocks), self.label):
                    number = record.number
                    yield record
        except DECOMPRESSION_ERRORS as error:
            raise self._cut_short(error, number) from error

    def _require_genbank(self, head: bytes) -> None:
        """Refuse files of other formats."""
        kind, advice = foreign_format(head)
        if kind and kind != GENBANK:
            raise InputError(f"{self.label}: looks like {kind}, not GenBank; {advice}")


def parse_genbank(blocks: Iterable[bytes], label: str) -> Iterator[GenBankRecord]:
    """Read the records of a text."""
    checked = BlockStream(CheckedText(blocks, label))
    lines = _RecordLines(io.TextIOWrapper(io.BufferedReader(checked, BLOCK), "utf-8", "replace", newline="\n"), label)
    number = 0
    while lines.advance():
        number += 1
        yield _read_record(lines, number)
    if not number:
        raise InputError(f"{label}: holds no GenBank record: no line begins with LOCUS and a space")


def _read_record(lines: _RecordLines, number: int) -> GenBankRecord:
    """Parse one record with Biopython, and describe what is wrong with it."""
    from Bio.GenBank.Scanner import GenBankScanner  # takes 30 ms, which other formats need not wait for

    name = lines.name or f"record_{number}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = GenBankScanner().parse(lines)
            problem = _worst(caught)
        except _PARSER_ERRORS as error:
            found, problem = None, _one_line(str(error) or type(error).__name__)
    while lines.readline():
        pass  # to see whether the end marker is there
    if not lines.complete:
        problem = f"no end marker ({_END}), the record is cut off"
    if found is None or problem:
        return GenBankRecord(number, _id_of(found, name), "", 0, (), problem=f"malformed: {problem}")
    if found.annotations.get("molecule_type") == "protein":
        return GenBankRecord(number, _id_of(found, name), "", 0, (), problem="a protein, not nucleotides")
    coding = [feature.qualifiers for feature in found.features if feature.type == "CDS"]
    translations = ("".join(text.split()).upper() for each in coding for text in each.get("translation", []))
    codes = frozenset(int(text) for each in coding for text in each.get("transl_table", []) if text.isdecimal())
    sequence = str(found.seq) if found.seq is not None and found.seq.defined else ""
    return GenBankRecord(number, _id_of(found, name), sequence, len(coding), tuple(filter(None, translations)), codes)


def _is_locus(line: str) -> bool:
    return line.startswith("LOCUS ")


def _id_of(found: SeqRecord | None, name: str) -> str:
    """Accession.version as one word, because it becomes the ID in a FASTA header."""
    return next(iter((found.id or "").split()), name) if found is not None else name


def _worst(caught: list[warnings.WarningMessage]) -> str:
    """The first warning that is not harmless; empty if there is none."""
    from Bio import BiopythonParserWarning

    messages = [str(each.message) for each in caught if issubclass(each.category, BiopythonParserWarning)]
    serious = (message for message in messages if not any(part in message for part in _HARMLESS))
    return _one_line(next(serious, ""))


def _one_line(message: str) -> str:
    return shown(" ".join(message.split()), _LONGEST_PROBLEM)
