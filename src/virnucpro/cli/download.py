"""``virnucpro download``: genomes to train a classifier on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.console import Console
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import messages_options, outdir_option
from virnucpro.errors import counted, shown
from virnucpro.sequences.refseq import FORMATS, GROUPS, LEVELS, MAX_CONNECTIONS, NCBI_GENOMES

if TYPE_CHECKING:
    from virnucpro.records import Failure

__all__ = ["download"]

FILES_NAMED = 5


@click.group()
def download() -> None:
    """Download genomes for training a classifier.

    \b
    Examples:
      virnucpro download refseq --group viral -o refseq/viral
      virnucpro download refseq --group bacteria --one-per-species --max-assemblies 500 -o refseq/bacteria
      virnucpro download refseq --group archaea --list-only -o refseq/archaea
    """


@download.command()
@click.option("--group", required=True, type=click.Choice(GROUPS), help="Group of organisms.")
@outdir_option
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(FORMATS), default=("fna",), show_default=True,
    help="FASTA (fna), which 'features' reads, or GenBank (gbff), which 'prepare' reads. Give it twice for both.",
)  # fmt: skip
@click.option(
    "--assembly-level", "level", type=click.Choice(tuple(LEVELS)),
    help="Download only assemblies of this level.  [default: all]",
)  # fmt: skip
@click.option(
    "--one-per-species", is_flag=True,
    help="Keep one assembly of every species: the reference genome, else the most complete and newest.",
)  # fmt: skip
@click.option(
    "--max-assemblies", type=click.IntRange(min=1), metavar="N", help="Download N assemblies drawn at random."
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Random seed of the draw.")
@click.option("--list-only", is_flag=True, help="Write assemblies.tsv only; download no genomes.")
@click.option(
    "--connections", type=click.IntRange(1, MAX_CONNECTIONS), default=4, show_default=True,
    help="Files to download at the same time.",
)  # fmt: skip
@click.option(
    "--retries", type=click.IntRange(min=0), default=5, show_default=True,
    help="Retries per transfer, with increasing delays.",
)  # fmt: skip
@click.option(
    "--base-url", default=NCBI_GENOMES, show_default=True, metavar="URL",
    help="Address of NCBI's folder 'genomes', or of a mirror of it.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the list with NCBI's current one; finished files stay.")
@messages_options
def refseq(
    group: str, outdir: Path, formats: tuple[str, ...], level: str | None, one_per_species: bool,
    max_assemblies: int | None, seed: int, list_only: bool, connections: int, retries: int, base_url: str,
    overwrite: bool, quiet: bool, verbose: bool,
) -> int:  # fmt: skip
    """Download the genomes of a group from NCBI RefSeq.

    DIR/assemblies.tsv lists the assemblies. Their files are compared with the MD5 checksums that NCBI publishes. Run
    the same command again to continue an interrupted download or to retry failed files.

    \b
    Examples:
      virnucpro download refseq --group viral -o refseq/viral
      virnucpro download refseq --group bacteria --one-per-species --max-assemblies 500 -o refseq/bacteria
      virnucpro download refseq --group archaea --format gbff --assembly-level complete -o refseq/archaea
    """
    from virnucpro.verbs.assembly_list import LIST
    from virnucpro.verbs.download import DownloadSettings, download_refseq
    from virnucpro.verbs.genome_files import CHECKSUMS

    settings = DownloadSettings(
        group, tuple(dict.fromkeys(formats)), level, one_per_species, max_assemblies, seed, base_url, retries
    )
    settings.check()
    with Console(quiet, verbose, outdir) as console:
        try:
            done = download_refseq(
                outdir, settings, connections=connections, list_only=list_only, overwrite=overwrite,
                progress=console.progress,
            )  # fmt: skip
        except KeyboardInterrupt:
            console.say("interrupted; run the same command again to continue")
            raise
        if list_only:
            console.say(f"{counted(done.assemblies, 'assembly', 'assemblies')}; list in {outdir / LIST}")
            return ExitCode.DONE
        assemblies, files = counted(done.assemblies, "assembly", "assemblies"), counted(done.files, "file")
        console.say(f"{assemblies}, {files} complete; checksums in {outdir / CHECKSUMS}")
        return _warn_of_failures(console, done.failures, outdir)


def _warn_of_failures(console: Console, failures: tuple[Failure, ...], outdir: Path) -> int:
    """Name the first files that could not be downloaded."""
    from virnucpro.runs.failures import FAILURE_LOG

    for failure in failures[:FILES_NAMED]:
        console.warn(f"{shown(failure.id)}: {failure.message}")
    if not failures:
        return ExitCode.DONE
    console.warn(
        f"{counted(len(failures), 'file')} could not be downloaded, see {outdir / FAILURE_LOG}; run the same command "
        "again to retry"
    )
    return ExitCode.SOME_FAILED
