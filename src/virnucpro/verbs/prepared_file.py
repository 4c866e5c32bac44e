"""One GenBank file in; nucleotides and proteins of its training frames, and a table of its records, out.

The two sequence files hold the same frames in the same order, as ``virnucpro embed`` takes them. The table comes last,
and its receipt vouches for all three.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import BinaryIO, NamedTuple

from virnucpro.records import Counts, Record
from virnucpro.runs.files import whole_file
from virnucpro.runs.manifests import Provenance, Receipt, identify_input, write_result
from virnucpro.runs.spool import spooled
from virnucpro.sequences.annotated import select_annotated_frames
from virnucpro.sequences.frames import Frame
from virnucpro.sequences.genbank import GENBANK_SUFFIXES, GenBankFile, GenBankRecord
from virnucpro.sequences.genetic_codes import GENETIC_CODES
from virnucpro.sequences.reading import SequenceFile, sequence_stem

__all__ = ["Framing", "PreparationJob", "RecordRow", "prepare_file"]

OK = "ok"
TOTALS = ("n_windows", "n_frames_without_stop", "n_kept")


@dataclass(frozen=True, slots=True)
class Framing:
    """How records become frames."""

    window_bp: int = 500  # bases of a window
    genetic_code: int = 1  # NCBI's number


@dataclass(frozen=True, slots=True)
class PreparationJob:
    """One GenBank file to prepare."""

    source: Path  # the GenBank file
    fasta: Path | None  # where its sequences come from, when not from itself
    outdir: Path  # folder of the results
    label: str  # what the source is called in messages, logs and receipts

    def result(self, ending: str) -> Path:
        """Name one of the results."""
        return self.outdir / f"{sequence_stem(self.source, GENBANK_SUFFIXES)}{ending}"

    @property
    def nucleotides(self) -> Path:
        """Nucleotides of the frames."""
        return self.result("_nucleotide.fa")

    @property
    def proteins(self) -> Path:
        """Proteins of the frames."""
        return self.result("_protein.faa")

    @property
    def table(self) -> Path:
        """What became of every record."""
        return self.result("_prepare.tsv")


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What became of one record; a row of the table."""

    name: str  # its id
    length_bp: int  # bases of its sequence
    n_cds: int  # CDS features, and how many translations they have
    n_translations: int  # CDS features, and how many translations they have
    n_windows: int  # windows, frames without a stop, frames that the annotation confirms
    n_frames_without_stop: int  # windows, frames without a stop, frames that the annotation confirms
    n_kept: int  # windows, frames without a stop, frames that the annotation confirms
    status: str  # ``ok``, or why no frames were looked for; then the three counts are 0

    @property
    def failed(self) -> bool:
        """Whether it could not be used."""
        return self.status != OK

    def line(self) -> str:
        """Write it down."""
        return "\t".join(map(str, astuple(self))) + "\n"


class _Outcome(NamedTuple):
    """A record's row, its frames, and the genetic codes that its CDS features name."""

    row: RecordRow
    frames: tuple[Frame, ...]
    genetic_codes: frozenset[int]


def prepare_file(
    job: PreparationJob,
    provenance: Provenance,
    framing: Framing,
    on_record: Callable[[PreparationJob, RecordRow], None],
) -> Receipt:
    """Prepare one file; one record of it is in memory at a time, and a row for each."""
    rows: list[RecordRow] = []
    codes: set[int] = set()
    with whole_file(job.nucleotides) as nucleotides, whole_file(job.proteins) as proteins:
        for row, frames, genetic_codes in _outcomes(job, framing):
            for frame in frames:
                nucleotides.write(f">{frame.id}\n{frame.nucleotides}\n".encode())
                proteins.write(f">{frame.id}\n{frame.protein}\n".encode())
            rows.append(row)
            codes |= genetic_codes
            on_record(job, row)
        outputs = {job.nucleotides.name: _identify(nucleotides), job.proteins.name: _identify(proteins)}
        job.table.unlink(missing_ok=True)  # an old one would vouch for files that are no longer there
    failed = sum(row.failed for row in rows)
    details = {
        "totals": {name: sum(getattr(row, name) for row in rows) for name in TOTALS},
        "statuses": dict(Counter(row.status for row in rows)),
        "other_genetic_codes": _others(codes, framing.genetic_code),
        "outputs": outputs,
    }
    receipt = Receipt(provenance, Counts(read=len(rows), written=len(rows) - failed, failed=failed), details)
    return write_result(job.table, lambda stream: _write_table(stream, rows), receipt)


def _outcomes(job: PreparationJob, framing: Framing) -> Iterator[_Outcome]:
    """Give every record of the GenBank file, and of the FASTA file, its row and its frames."""
    annotations = GenBankFile(job.source, job.label)
    if job.fasta is None:
        for annotation in annotations:
            yield _outcome(annotation, Record(annotation.number, annotation.id, annotation.sequence), framing)
        return
    with spooled(SequenceFile(job.fasta), job.outdir) as spool:
        for annotation in annotations:
            yield _outcome(annotation, spool.take(annotation.id), framing)
        for id_, length in spool.left():
            yield _Outcome(RecordRow(id_, length, 0, 0, 0, 0, 0, "no GenBank record"), (), frozenset())


def _outcome(annotation: GenBankRecord, record: Record | None, framing: Framing) -> _Outcome:
    """Look for frames where there is something to look in, and something to look for."""
    status = annotation.problem or OK
    if record is None:
        status, record = annotation.problem or "not in the FASTA file", Record(annotation.number, annotation.id, "")
    elif status == OK and not record.sequence:
        status = "no sequence"
    elif status == OK and not annotation.translations:
        status = "no translations"
    known = (annotation.id, len(record.sequence), annotation.n_cds, len(annotation.translations))
    if status != OK:
        return _Outcome(RecordRow(*known, 0, 0, 0, status), (), frozenset())
    found = select_annotated_frames(record, annotation.translations, framing.window_bp, framing.genetic_code)
    row = RecordRow(*known, found.n_windows, found.n_frames_without_stop, len(found.frames), OK)
    return _Outcome(row, found.frames, annotation.genetic_codes)


def _others(codes: set[int], genetic_code: int) -> list[int]:
    """The codes that read some codon in another way; 11 differs from 1 in its starts only."""
    return sorted(code for code in codes if GENETIC_CODES.get(code) != GENETIC_CODES[genetic_code])


def _write_table(stream: BinaryIO, rows: list[RecordRow]) -> None:
    stream.write(("\t".join(column.name for column in fields(RecordRow)) + "\n").encode())
    stream.writelines(row.line().encode() for row in rows)


def _identify(stream: BinaryIO) -> dict[str, int | str]:
    """Size and digest of a file that is about to get its name."""
    stream.flush()
    identity = identify_input(Path(stream.name))
    return {"size": identity.size, "sha256": identity.sha256}
