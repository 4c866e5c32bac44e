"""``virnucpro prepare``: annotated genomes in, training ORFs out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from virnucpro.cli.console import Console, spooled_stdin
from virnucpro.cli.options import inputs_argument, messages_options, outdir_option, overwrite_option, table_option
from virnucpro.cli.outcomes import sum_up


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
    help="Take the sequences from here, by ID; once for each INPUT, in the same order.",
)  # fmt: skip
@table_option
@overwrite_option
@messages_options
def prepare(
    inputs: tuple[Path, ...], outdir: Path, window_bp: int, fastas: tuple[Path, ...], translation_table: int,
    overwrite: bool, quiet: bool, verbose: bool,
) -> int:  # fmt: skip
    """Cut annotated genomes into training ORFs: those whose protein is part of an annotated translation.

    INPUT is a GenBank flat file, plain or compressed; "-" is standard input. x.gbff gives DIR/x_nucleotide.fa and
    DIR/x_protein.faa, row for row the same ORFs, and DIR/x_prepare.tsv with a row for every record.

    \b
    Examples:
      virnucpro prepare phages.gbff.gz -o training
      virnucpro prepare mycoplasma.gbk -o training --translation-table 4
      virnucpro prepare genomes.gbff -o training --fasta genomes.fna --window 300
    """
    with Console(quiet, verbose, outdir) as console, spooled_stdin(inputs) as (paths, spool):
        from virnucpro.verbs import prepare as verb  # imports Biopython, which --help does not need

        settings = verb.PrepareSettings(window_bp, translation_table)
        outcomes = verb.prepare(
            paths, outdir, settings, fastas=fastas, overwrite=overwrite, progress=console.progress, stdin=spool
        )
        for outcome in outcomes:
            if outcome.manifest is not None:
                _warn(console, outcome.run.label, outcome.manifest.counts, translation_table)
        return sum_up(outcomes, "records", outdir, console)


def _warn(console: Console, label: str, counts: Mapping[str, int], table: int) -> None:
    """Name translation tables that the annotation uses and this run did not."""
    others = sorted(int(key.removeprefix("table_")) for key in counts if key.startswith("table_"))
    if others:
        console.warn(
            f"{label}: has CDS in translation table {', '.join(map(str, others))}, but was read with table "
            f"{table}; --translation-table changes that"
        )
