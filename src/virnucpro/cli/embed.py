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


class Layers(click.ParamType[tuple[int, ...]]):
    """Numbers of layers, with commas between them."""

    name = "N[,N...]"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(number) for number in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as -1 or 0,12", param, ctx)


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
@click.option(
    "--format", type=click.Choice(["pt", "npy", "npz", "h5", "parquet", "safetensors"]), default="pt",
    show_default=True, help="Format of the result. pt is that of the original VirNucPro.",
)  # fmt: skip
@click.option(
    "--layers", type=Layers(), default="-1", show_default=True, metavar="N[,N...]",
    help="Hidden states that a vector holds, side by side: 0 is the token embeddings, -1 the last layer.",
)  # fmt: skip
@click.option(
    "--pool", type=click.Choice(["mean", "cls", "max", "none"]), default="mean", show_default=True,
    help="How residues become one vector; none keeps one for every residue.",
)  # fmt: skip
@click.option("--per-residue", is_flag=True, help="The same as --pool none.")
@distribution_options
@dtype_option
@max_tokens_option
@part_records_option
@threads_option
@overwrite_option
@messages_options
def embed(
    inputs: tuple[Path, ...], outdir: Path, threads: int | None, overwrite: bool, quiet: bool, verbose: bool,
    per_residue: bool, **chosen: Any,  # noqa: ANN401
) -> int:  # fmt: skip
    """Turn sequences into vectors.

    x.faa gives DIR/x_ESM.pt and its manifest. INPUT is protein FASTA, or DNA in FASTA or FASTQ for a DNA model, plain
    or compressed with gz, bz2, xz or zst; "-" is standard input. After an interruption, run the same command to
    continue.

    \b
    Examples:
      virnucpro embed proteins.faa -o vectors
      virnucpro embed *.faa.gz -o vectors --model esm2-150m --device cuda
      virnucpro embed reads.fastq.gz -o vectors --model dnabert-s --format npz
    """
    # imports torch, which --help does not need
    from virnucpro.verbs.embed import embed_files
    from virnucpro.verbs.embed_settings import EmbedSettings

    if per_residue:
        if chosen["pool"] not in ("mean", "none"):
            raise click.UsageError("--per-residue and --pool exclude each other; give one")
        chosen["pool"] = "none"
    distribution = take_distribution(chosen, threads)
    settings = EmbedSettings(**chosen)
    with Console(quiet, verbose, outdir) as console:
        use_threads(threads)
        settings.check()
        distribution.check(overwrite)
        with spooled_stdin(inputs) as (paths, spool):
            outcomes = embed_files(
                paths, outdir, settings,
                overwrite=overwrite, progress=console.progress, stdin=spool, distribution=distribution,
            )  # fmt: skip
        return sum_up(outcomes, "sequences", outdir, console)
