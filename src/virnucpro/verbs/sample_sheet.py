"""Sample sheets: comma-separated, with nf-core's columns ``sample,fastq_1,fastq_2,fasta``."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from virnucpro.errors import InputError, shown
from virnucpro.sequences.input_files import input_problem
from virnucpro.verbs.samples import Sample, sample_name_problem

__all__ = ["read_sheet"]

SAMPLE, FASTQ_1, FASTQ_2, FASTA = COLUMNS = ("sample", "fastq_1", "fastq_2", "fasta")
MAX_BYTES: Final = 1 << 26

logger = logging.getLogger("virnucpro.predict")


@dataclass
class _Sheet:
    """Samples as rows come, and everything that is wrong with them."""

    problems: list[str] = field(default_factory=list)
    samples: dict[str, tuple[bool, list[Path]]] = field(default_factory=dict)  # whether paired, and files
    lines: dict[str, int] = field(default_factory=dict)  # of the first row of a sample, by its name without case
    files: dict[str, int] = field(default_factory=dict)  # line of each file, by its real path


def read_sheet(path: str | os.PathLike[str]) -> list[Sample]:
    """Read the samples of a sheet with the columns ``sample,fastq_1,fastq_2,fasta``.

    Parameters
    ----------
    path : path
        Comma- or tab-separated text with a header. Rows of one name are files of one sample, in this order. Paths are
        relative to the current folder, as in nf-core.

    Returns
    -------
    list of Sample
        Samples in order of their first row.

    Raises
    ------
    InputError
        If anything in the sheet is wrong; the message lists all problems with their lines.

    Examples
    --------
    >>> from virnucpro import predict, read_sheet
    >>> done = predict(read_sheet("sheet.csv"), "calls")  # doctest: +SKIP
    """
    path = Path(path)
    lines = _lines(path)
    name = shown(str(path))
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    rows = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        _require_columns(name, [column.strip() for column in rows.fieldnames or []])
        rows.fieldnames = [column.strip() for column in rows.fieldnames or []]
        sheet = _Sheet()
        for row in rows:
            cells = {key: (row.get(key) or "").strip() for key in COLUMNS}
            surplus = bool(row.get(None))  # the key of cells without a column
            for problem in _add(sheet, cells, rows.line_num, surplus):
                sheet.problems.append(f"{name}:{rows.line_num}: {problem}")
    except csv.Error as error:
        raise InputError(
            f"{name}:{rows.line_num + 1}: not a table: {error}; is a quotation mark missing or too many?"
        ) from error
    if not sheet.samples and not sheet.problems:
        sheet.problems.append(f"{name}: names no sample; add rows of {','.join(COLUMNS)}")
    if sheet.problems:
        raise InputError("\n".join(sheet.problems))
    return [Sample(name, tuple(files), paired) for name, (paired, files) in sheet.samples.items()]


def _lines(path: Path) -> list[str]:
    if problem := input_problem(path):
        raise InputError(f"{shown(str(path))}: {problem}")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{shown(str(path))}: larger than {MAX_BYTES >> 20} MB; is this a sample sheet?")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(str(path))}: not UTF-8 text; save the sheet as CSV in UTF-8") from error
    if "\0" in text:
        raise InputError(f"{shown(str(path))}: holds NUL bytes; save the sheet as plain CSV")
    return text.splitlines(keepends=True)


def _require_columns(name: str, columns: list[str]) -> None:
    problems = [f"column {one!r} appears twice" for one in dict.fromkeys(columns) if columns.count(one) > 1]
    if SAMPLE not in columns:
        problems.append("no column 'sample'")
    if not {FASTQ_1, FASTA} & set(columns):
        problems.append("neither a column 'fastq_1' nor 'fasta'")
    if problems:
        raise InputError("\n".join(f"{name}:1: {one}; the header is {','.join(COLUMNS)}" for one in problems))
    if unknown := [shown(column, 50) for column in columns if column not in COLUMNS]:
        logger.warning("%s: columns that are not used: %s", name, ", ".join(unknown))


def _add(sheet: _Sheet, cells: Mapping[str, str], line: int, surplus: bool) -> Iterator[str]:
    """Add a row to its sample; gives what is wrong with it."""
    if surplus:
        yield "more cells than the header has columns"
    name, paired = cells[SAMPLE], bool(cells[FASTQ_2])
    if problem := sample_name_problem(name):
        yield problem if name else f"no name in column {SAMPLE!r}"
    files = [Path(cells[column]) for column in (FASTQ_1, FASTQ_2, FASTA) if cells[column]]
    yield from _wrong_columns(cells)
    for file in files:
        yield from _wrong_file(sheet, file, line)
    first = sheet.lines.setdefault(name.casefold(), line)
    if name not in sheet.samples and first != line:
        yield f"the name {shown(name, 50)!r} differs from that of line {first} only in upper and lower case"
    paired_before, files_before = sheet.samples.setdefault(name, (paired, []))
    if paired_before != paired:
        yield f"sample {shown(name, 50)!r} has pairs and single files, see line {first}; give them different names"
    files_before += files


def _wrong_columns(cells: Mapping[str, str]) -> Iterator[str]:
    if cells[FASTQ_2] and not cells[FASTQ_1]:
        yield "fastq_2 without fastq_1"
    elif cells[FASTQ_1] and cells[FASTQ_1] == cells[FASTQ_2]:
        yield "fastq_1 and fastq_2 are the same file"
    elif cells[FASTQ_1] and cells[FASTA]:
        yield "both reads and fasta; give one of them here, and the other as a sample of its own"
    elif not cells[FASTQ_1] and not cells[FASTA]:
        yield "no file in fastq_1 or fasta"


def _wrong_file(sheet: _Sheet, file: Path, line: int) -> Iterator[str]:
    if problem := input_problem(file):
        relative = "" if file.is_absolute() else " (paths are relative to the current folder)"
        yield f"{shown(str(file))}: {problem}{relative}"
        return
    first = sheet.files.setdefault(os.path.realpath(file), line)
    if first != line:
        yield f"{shown(str(file))}: is in line {first} already"
