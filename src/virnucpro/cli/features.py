"""``virnucpro features``: genomes in, merged features out."""

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
    part_windows_option,
    table_option,
    take_distribution,
    threads_option,
    use_threads,
)
from virnucpro.cli.outcomes import sum_up
from virnucpro.models.catalog import DEFAULT_DNA_MODEL, DEFAULT_MODEL


@click.command()
@inputs_argument
@outdir_option
@click.option("--label", type=click.Choice(["viral", "non-viral"]), help="Label of all inputs, for training.")
@click.option(
    "--window",
    "window_bp",
    type=click.IntRange(min=6),
    default=500,
    show_default=True,
    metavar="BP",
    help="Window length.",
)
@click.option(
    "--orfs", "rows", type=click.Choice(["open", "longest", "window"]), default="open", show_default=True,
    help="What becomes a row: every reading frame without a stop codon, as in the original VirNucPro; the longest ORFs "
    "of a window; or the window itself.",
)  # fmt: skip
@click.option("--dna-model", default=DEFAULT_DNA_MODEL, show_default=True, metavar="NAME|PATH", help="DNA encoder.")
@click.option("--protein-model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|PATH", help="Protein encoder.")
@table_option
@distribution_options
@dtype_option
@max_tokens_option
@part_windows_option
@threads_option
@overwrite_option
@messages_options
def features(
    inputs: tuple[Path, ...], outdir: Path, threads: int | None, overwrite: bool, quiet: bool, verbose: bool,
    **chosen: Any,  # noqa: ANN401
) -> int:  # fmt: skip
    """Compute features for training from genomes.

    Each ORF or window becomes one row, with the vectors of both encoders; "none" leaves one encoder out. x.fna gives
    DIR/x_part0001_merged.pt and so on, with at most 10,000 rows each, and DIR/x_features.json. After an interruption,
    run the same command to continue.

    \b
    Examples:
      virnucpro features phages.fna -o viral --label viral
      virnucpro features bacteria.fna -o non_viral --label non-viral --window 300
      virnucpro features genomes.fna -o dna_only --protein-model none --device cuda
    """
    from virnucpro.verbs import features as verb  # imports torch, which --help does not need

    for role in ("dna_model", "protein_model"):
        chosen[role] = None if chosen[role] == "none" else chosen[role]
    distribution = take_distribution(chosen, threads)
    settings = verb.FeatureSettings(**chosen)
    with Console(quiet, verbose, outdir) as console:
        use_threads(threads)
        settings.check()
        distribution.check(overwrite)
        with spooled_stdin(inputs) as (paths, spool):
            outcomes = verb.extract_features(
                paths, outdir, settings,
                overwrite=overwrite, progress=console.progress, stdin=spool, distribution=distribution,
            )  # fmt: skip
        return sum_up(outcomes, "features", outdir, console)
