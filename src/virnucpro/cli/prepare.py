"""``virnucpro prepare``: annotated genomes in, training ORFs out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.console import Console, spooled_stdin
from virnucpro.cli.options import inputs_argument, messages_options, outdir_option, overwrite_option, table_option
from virnucpro.cli.outcomes import sum_up
from virnucpro.errors import shown

if TYPE_CHECKING:
    from virnucpro.runs.run import Outcome

RECORDS_NAMED = 5
TABLE = "with_table_"
"""Prefix of counts of records with a CDS that names another translation table."""


@click.command()
@inputs_argument
@outdir_option
@click.option(
    "--window",
    "window_bp",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    metavar="BP",
    help="Window length.",
)
@click.option(
    "--fasta", "fastas", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="FASTA file to take the sequences from, by ID; repeat for each INPUT, in the same order.",
)  # fmt: skip
@table_option
@overwrite_option
@messages_options
def prepare(
    inputs: tuple[Path, ...], outdir: Path, window_bp: int, fastas: tuple[Path, ...], translation_table: int,
    overwrite: bool, quiet: bool, verbose: bool,
) -> int:  # fmt: skip
    """Extract training ORFs from annotated genomes.

    An ORF is kept if its protein is part of an annotated translation. INPUT is a GenBank flat file, plain or
    compressed; "-" is standard input. x.gbff gives DIR/x_nucleotide.fa and DIR/x_protein.faa with the same ORFs in the
    same order, and DIR/x_prepare.tsv with a row for every record.

    \b
    Examples:
      virnucpro prepare phages.gbff.gz -o training
      virnucpro prepare mycoplasma.gbk -o training --translation-table 4
      virnucpro prepare genomes.gbff -o training --fasta genomes.fna --window 300
    """
    from virnucpro.verbs import prepare as verb  # imports Biopython, which --help does not need

    settings = verb.PrepareSettings(window_bp, translation_table)
    with Console(quiet, verbose, outdir) as console:
        settings.check()
        with spooled_stdin(inputs) as (paths, spool):
            outcomes = verb.prepare(
                paths, outdir, settings, fastas=fastas, overwrite=overwrite, progress=console.progress, stdin=spool
            )
        for outcome in outcomes:
            _warn(console, outcome, translation_table)
        return sum_up(outcomes, "records", outdir, console)


def _warn(console: Console, outcome: Outcome, table: int) -> None:
    """Warn about the first records that could not be used, and about other translation tables in the annotation."""
    label, counts = outcome.run.label, {} if outcome.manifest is None else outcome.manifest.counts
    for _, failure in outcome.failures[:RECORDS_NAMED]:
        console.warn(f"{label}: {shown(failure.id)}: {shown(failure.message)}")
    others = sorted(int(key.removeprefix(TABLE)) for key in counts if key.startswith(TABLE))
    if others:
        console.warn(
            f"{label}: contains CDS with translation table {', '.join(map(str, others))}, but was read with table "
            f"{table}; set --translation-table"
        )
