"""``virnucpro embed``: sequence files in, feature files out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from virnucpro.cli.console import Console, spooled_stdin
from virnucpro.cli.options import (
    distribution_options,
    dtype_option,
    inputs_argument,
    max_tokens_option,
    messages_options,
    outdir_option,
    overwrite_option,
    part_records_option,
    take_distribution,
    threads_option,
    use_threads,
)
from virnucpro.cli.outcomes import sum_up
from virnucpro.models.catalog import DEFAULT_MODEL


@click.command()
@inputs_argument
@outdir_option
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|PATH",
    help="A name that 'virnucpro models' lists, a folder with config.json and weights, or a .pt file of fair-esm.",
)  # fmt: skip
@click.option(
    "--max-residues", type=click.IntRange(min=1), default=1024, show_default=True, metavar="N",
    help="Use only the first N residues (or nucleotides) of a sequence.",
)  # fmt: skip
@distribution_options
@dtype_option
@max_tokens_option
@part_records_option
@threads_option
@overwrite_option
@messages_options
def embed(
    inputs: tuple[Path, ...], outdir: Path, threads: int | None, overwrite: bool, quiet: bool, verbose: bool,
    **chosen: Any,  # noqa: ANN401
) -> int:  # fmt: skip
    """Turn sequences into vectors: x.faa gives DIR/x_ESM.pt and its manifest.

    INPUT is protein FASTA, or DNA in FASTA or FASTQ for a DNA model, plain or compressed with gz, bz2, xz or zst; "-"
    is standard input. After an interruption, run the same command to continue.

    \b
    Examples:
      virnucpro embed proteins.faa -o vectors
      virnucpro embed *.faa.gz -o vectors --model esm2-150m --device cuda
      virnucpro embed reads.fastq.gz -o vectors --model dnabert-s
    """
    from virnucpro.verbs import embed as verb  # imports torch, which --help does not need

    distribution = take_distribution(chosen, threads)
    settings = verb.EmbedSettings(**chosen)
    with Console(quiet, verbose, outdir) as console:
        use_threads(threads)
        settings.check()
        distribution.check(overwrite)
        with spooled_stdin(inputs) as (paths, spool):
            outcomes = verb.embed(
                paths, outdir, settings,
                overwrite=overwrite, progress=console.progress, stdin=spool, distribution=distribution,
            )  # fmt: skip
        return sum_up(outcomes, "sequences", outdir, console)
