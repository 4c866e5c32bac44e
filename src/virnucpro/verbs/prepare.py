"""``prepare``: annotated genomes in; nucleotides and proteins of the ORFs that their annotation confirms out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from virnucpro.errors import ConfigError, shown
from virnucpro.records import Failure, FileIdentity, ModelIdentity, Record
from virnucpro.runs.engine import execute
from virnucpro.runs.parts import ComputedPart
from virnucpro.runs.plan import PartSize, Planner
from virnucpro.runs.progress import ProgressCallback
from virnucpro.runs.results import Results
from virnucpro.runs.run import Advance, Outcome, PartInput, Run
from virnucpro.runs.spool import spooled
from virnucpro.sequences.annotated import annotated_rows
from virnucpro.sequences.genbank import GENBANK_SUFFIXES, GenBankFile, GenBankRecord
from virnucpro.sequences.genetic_codes import amino_acids
from virnucpro.sequences.nucleotides import clean_sequences
from virnucpro.sequences.orfs import find_rows
from virnucpro.sequences.reading import SequenceFile, sequence_stem
from virnucpro.sequences.row_ids import row_ids
from virnucpro.sequences.windows import cut_windows, plan_windows
from virnucpro.verbs.inputs import PathLike, open_inputs

__all__ = ["PrepareSettings", "RecordRow", "prepare"]

OK: Final = "ok"
NOT_USED: Final = "NotUsed"
PART: Final = PartSize(units=1000, letters=1_000_000)  # as much is in memory at a time
ENDINGS: Final = ("_prepare.tsv", "_nucleotide.fa", "_protein.faa")


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """Settings of `prepare`.

    Attributes
    ----------
    window_bp : int
        Window length in bases.
    translation_table : int
        NCBI translation table of sequences whose annotation names none.
    """

    window_bp: int = 500
    translation_table: int = 1

    def check(self) -> None:
        """Refuse a translation table that is none, before any input is read."""
        amino_acids(self.translation_table)


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What became of one record; a row of the table."""

    name: str
    length_bp: int
    n_cds: int
    n_translations: int
    n_windows: int
    n_open_frames: int  # frames without a stop codon
    n_kept: int  # of those, frames that the annotation confirms
    status: str  # ``ok``, or why no ORFs were looked for

    def line(self) -> str:
        """Tab-separated, with a line end."""
        return "\t".join(shown(str(value)) for value in astuple(self)) + "\n"


@dataclass(frozen=True, slots=True)
class _Pair:
    """A GenBank record and the sequence that belongs to it; one of them may be missing."""

    annotation: GenBankRecord | None
    record: Record | None
    left_length: int = 0  # of a sequence that no annotation belongs to


def prepare(
    inputs: PathLike | Sequence[PathLike],
    outdir: PathLike,
    settings: PrepareSettings | None = None,
    *,
    fastas: Sequence[PathLike] = (),
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    stdin: Path | None = None,
) -> list[Outcome]:
    """Cut annotated genomes into training ORFs: those whose protein is part of an annotated translation.

    Parameters
    ----------
    inputs : path or sequence of path
        GenBank flat files, plain or compressed.
    outdir : path
        ``x.gbff`` gives ``x_nucleotide.fa`` and ``x_protein.faa``, row for row the same ORFs, and ``x_prepare.tsv``,
        a row for every record.
    settings : PrepareSettings, optional
        Window and translation table.
    fastas : sequence of path, optional
        One for each input, in the same order: sequences are taken from there, by ID.
    overwrite : bool, default: False
        Recompute everything, ignoring existing results.
    progress : callable, optional
        Called with a `Progress` after every part.
    stdin : path, optional
        The input that messages call "-".

    Returns
    -------
    list of Outcome
        One for each input.

    Raises
    ------
    ConfigError
        If there is no such translation table, or FASTA files are missing or too many.
    StoreError
        If a result was made from something else, or cannot be written.
    """
    settings = settings or PrepareSettings()
    settings.check()
    paths = [inputs] if isinstance(inputs, (str, Path)) or not isinstance(inputs, Sequence) else inputs
    sources = open_inputs(paths, GenBankFile, stdin)
    if fastas and len(fastas) != len(sources):
        raise ConfigError(
            f"{len(sources)} GenBank and {len(fastas)} FASTA files: give one --fasta for each GenBank file, "
            "in the same order, or none"
        )
    paired = open_inputs(fastas, SequenceFile, repeated=True) if fastas else [None] * len(sources)
    runs = [
        _run(_Genomes(source, fasta, Path(outdir)), Path(outdir), settings)
        for source, fasta in zip(sources, paired, strict=True)
    ]
    return execute(runs, overwrite=overwrite, progress=progress)


def _run(genomes: _Genomes, outdir: Path, settings: PrepareSettings) -> Run:
    stem = sequence_stem(genomes.path, GENBANK_SUFFIXES)
    names = [stem + ending for ending in ENDINGS]
    decisive: dict[str, Any] = {"window_bp": settings.window_bp, "translation_table": settings.translation_table}
    if genomes.fasta is not None:
        fasta = genomes.fasta.digest()
        decisive |= {"fasta": [fasta.size, fasta.sha256]}
    return Run(
        f"{stem}_prepare", [genomes], outdir, f"{stem}_prepare.json", names, {}, decisive,
        _Preparation(names, settings), also_read=[] if genomes.fasta is None else [genomes.fasta.path],
    )  # fmt: skip


class _Genomes:
    """A GenBank file, and the FASTA file of its sequences if there is one."""

    def __init__(self, genbank: GenBankFile, fasta: SequenceFile | None, scratch: Path) -> None:
        self.label, self.path, self._genbank, self.fasta, self._scratch = (
            genbank.label,
            genbank.path,
            genbank,
            fasta,
            scratch,
        )

    def __iter__(self) -> Iterator[_Pair]:
        if self.fasta is None:
            for annotation in self._genbank:
                yield _Pair(annotation, Record(annotation.number, annotation.id, annotation.sequence))
            return
        with spooled(self.fasta, self._scratch) as spool:
            for annotation in self._genbank:
                yield _Pair(annotation, spool.take(annotation.id))
            for id_, length in spool.left():
                yield _Pair(None, Record(0, id_, ""), length)

    @property
    def identity(self) -> FileIdentity:
        return self._genbank.identity

    def digest(self) -> FileIdentity:
        return self._genbank.digest()


@dataclass(eq=False)
class _Preparation:
    """The job behind `prepare`, of one input."""

    names: Sequence[str]
    settings: PrepareSettings

    def check(self, label: str, sample: Sequence[_Pair]) -> list[str]:  # noqa: ARG002  the reader has looked
        return []

    def planner(self) -> Planner:
        return Planner(lambda _: 1, PART)

    def content(self, record: _Pair) -> tuple[bytes, bytes]:
        annotation = "" if record.annotation is None else repr(record.annotation)
        sequence = "" if record.record is None else f"{record.record.header}\n{record.record.sequence}"
        return annotation.encode("utf-8", "surrogateescape"), sequence.encode("utf-8", "surrogateescape")

    def letters(self, record: _Pair) -> int:
        return len(record.record.sequence) if record.record else 0

    def id_of(self, record: _Pair) -> str:
        known = record.annotation or record.record
        return known.id if known else ""

    def resolve(self) -> Mapping[str, ModelIdentity]:
        return {}

    def compute(self, given: PartInput, advance: Advance) -> ComputedPart:
        """Find the confirmed ORFs of a part's records; the columns are the text of the three results."""
        nucleotides, proteins, table, failures = [], [], [], []
        counts: Counter[str] = Counter()
        for number, pair in enumerate(given.records):
            row, orfs = self._row(pair)
            if row.status != OK:
                failures.append(Failure(number, row.name, NOT_USED, row.status))
            for id_, letters, protein in orfs:
                nucleotides.append(f">{id_}\n{letters}\n")
                proteins.append(f">{id_}\n{protein}\n")
            table.append(row.line())
            counts.update(_counts(row))
            codes = pair.annotation.genetic_codes if pair.annotation else ()
            counts.update(f"with_table_{code}" for code in codes if _differs(code, self.settings.translation_table))
        advance(given.part.letters)
        texts = zip(("nucleotides", "proteins", "table"), (nucleotides, proteins, table), strict=True)
        arrays = {
            name: np.frombuffer("".join(lines).encode("utf-8", "surrogateescape"), np.uint8) for name, lines in texts
        }
        return ComputedPart(arrays, tuple(failures), counts)

    def collect(self, parts: Iterable[tuple[PartInput, ComputedPart]], results: Results) -> dict[str, Any]:
        """Write the texts of all parts."""
        table, nucleotides, proteins = (results.open(name) for name in self.names)
        table.write(("\t".join(column.name for column in fields(RecordRow)) + "\n").encode())
        for _, computed in parts:
            for stream, name in ((nucleotides, "nucleotides"), (proteins, "proteins"), (table, "table")):
                stream.write(computed.arrays[name].tobytes())
        return {}

    def _row(self, pair: _Pair) -> tuple[RecordRow, list[tuple[str, str, str]]]:
        """Look for ORFs where there is something to look in, and something to look for."""
        annotation, record = pair.annotation, pair.record
        if annotation is None:
            assert record is not None
            return RecordRow(record.id, pair.left_length, 0, 0, 0, 0, 0, "no GenBank record"), []
        status = annotation.problem or OK
        if record is None:
            status, record = annotation.problem or "not in the FASTA file", Record(annotation.number, annotation.id, "")
        elif status == OK and not record.sequence:
            status = "no sequence"
        elif status == OK and not annotation.translations:
            status = "no translations"
        known = (annotation.id, len(record.sequence), annotation.n_cds, len(annotation.translations))
        if status != OK:
            return RecordRow(*known, 0, 0, 0, status), []
        letters = clean_sequences([record.sequence])
        windows = plan_windows(letters.lengths, self.settings.window_bp)
        rows = find_rows(cut_windows(letters, windows), "open", self.settings.translation_table)
        kept = rows.take(annotated_rows(rows, annotation.translations))
        found = list(zip(row_ids([record.id], windows, kept), kept.nucleotides(), kept.proteins(), strict=True))
        return RecordRow(*known, len(windows), len(rows), len(found), OK), found


def _counts(row: RecordRow) -> dict[str, int]:
    failed = row.status != OK
    return {
        "read": 1, "written": not failed, "failed": failed, "windows": row.n_windows, "open_frames": row.n_open_frames,
        "orfs_kept": row.n_kept,
    }  # fmt: skip


def _differs(table: int, other: int) -> bool:
    """Whether two translation tables read some codon differently; 11 differs from 1 in its starts only."""
    try:
        return amino_acids(table) != amino_acids(other)
    except ConfigError:  # a number that an annotation names and that is none
        return True
