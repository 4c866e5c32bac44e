"""``virnucpro prepare``: GenBank files in, training frames out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.embed import spooled_stdin
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.talk import SECONDS_BETWEEN_LINES, Talk
from virnucpro.errors import InputError

if TYPE_CHECKING:
    from virnucpro.verbs.prepare import PreparationPlan, PreparationReport

MOST_NAMED = 5
"""Records of one file that are named when they cannot be used; the table names all."""


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="GENBANK...", type=click.Path(path_type=Path))
@click.option("-o", "--outdir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Result folder.")
@click.option(
    "--window", type=click.IntRange(min=1), default=500, show_default=True, metavar="BP", help="Bases of a window."
)
@click.option(
    "--fasta", "fastas", multiple=True, type=click.Path(path_type=Path),
    help="Take the sequences from here, by id, and only the annotation from GENBANK. Once for each GENBANK, in the "
    "same order.",
)  # fmt: skip
@click.option(
    "--genetic-code", type=click.IntRange(1, 33), default=1, show_default=True, metavar="N",
    help="NCBI's number, for every record; 4 for Mycoplasma, say.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Make every result anew, whatever is there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def prepare(
    inputs: Sequence[Path], outdir: Path, window: int, fastas: Sequence[Path], genetic_code: int,
    overwrite: bool, quiet: bool,
) -> int:  # fmt: skip
    """Cut annotated genomes into training frames: those whose protein is part of an annotated translation.

    GENBANK is one or more GenBank flat files, plain or compressed with gz, bz2, xz or zst; "-" reads standard input.
    x.gbff.gz gives OUTDIR/x_nucleotide.fa and OUTDIR/x_protein.faa, row for row the same frames, and
    OUTDIR/x_prepare.tsv, a row for every record, with a receipt. Started again after an interruption, the same command
    does what is left.
    """
    # Biopython and torch are imported here, not above: --help must be quick
    from virnucpro.verbs.prepare import make_preparation_jobs, plan_preparation
    from virnucpro.verbs.prepared_file import Framing

    talk = Talk(quiet)
    with spooled_stdin(inputs) as (sources, spool):
        jobs = make_preparation_jobs(sources, fastas, outdir)
        jobs = [replace(job, label="-") if job.source == spool else job for job in jobs]
        plan = plan_preparation(jobs, Framing(window, genetic_code), overwrite)
        report = _carry_out_aloud(plan, talk)
    talk.say(_sum_up(report))
    if report.refused_files:
        return ExitCode.BAD_INPUT
    return ExitCode.SOME_FAILED if report.counts.failed or report.skipped.failed else ExitCode.DONE


def _carry_out_aloud(plan: PreparationPlan, talk: Talk) -> PreparationReport:
    from virnucpro.runs.manifests import Receipt
    from virnucpro.verbs.prepare import PreparationListener, carry_out_preparation
    from virnucpro.verbs.prepared_file import PreparationJob, RecordRow

    for job in plan.unchecked:
        talk.warn(f"{job.table} has no receipt: kept, could not be checked; --overwrite makes it anew")

    class Aloud(PreparationListener):
        """Pass on what happens."""

        records = failed = 0
        last_line = time.monotonic()

        def record_done(self, job: PreparationJob, row: RecordRow) -> None:
            self.records += 1
            self.failed += row.failed
            if row.failed and self.failed <= MOST_NAMED:
                talk.warn(f"{job.label}: {row.name}: {row.status}")
            if time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
                self.last_line = time.monotonic()
                talk.say(f"{job.label}: {self.records:,} records so far")

        def file_written(self, job: PreparationJob, receipt: Receipt) -> None:
            if self.failed:
                talk.warn(f"{job.label}: {self.failed} of {self.records} records could not be used, see {job.table}")
            if others := receipt.details["other_genetic_codes"]:
                talk.warn(
                    f"{job.label}: has CDS in genetic code {', '.join(map(str, others))}, its frames were read in code "
                    f"{plan.framing.genetic_code}; --genetic-code changes that"
                )
            kept = receipt.details["totals"]["n_kept"]
            talk.say(f"{job.label}: records: {self.records:,}, frames kept: {kept:,}")
            self.records = self.failed = 0

        def file_refused(self, _job: PreparationJob, error: InputError) -> None:
            self.records = self.failed = 0
            talk.error(str(error))

    return carry_out_preparation(plan, Aloud())


def _sum_up(report: PreparationReport) -> str:
    """One line of counts that add up."""
    counts, totals = report.counts, report.totals
    return (
        f"records: {counts.read:,} read, {counts.written:,} used, {counts.failed:,} failed, "
        f"{report.skipped.read:,} skipped; "
        f"{totals['n_windows']:,} windows, {totals['n_frames_without_stop']:,} frames without a stop, "
        f"{totals['n_kept']:,} kept; "
        f"files: {report.written_files:,} written, {report.skipped_files:,} skipped, {report.refused_files:,} refused; "
        f"{report.seconds:.1f} s"
    )
