"""``virnucpro merge``: DNA and protein vectors in, features to train on out."""

from __future__ import annotations

from pathlib import Path

import click

from virnucpro.cli.console import Console
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import messages_options, overwrite_option

__all__ = ["merge"]

SUFFIX = "_merged.pt"


@click.command()
@click.argument("dna", metavar="DNA.pt", type=click.Path(path_type=Path))
@click.argument("protein", metavar="[PROTEIN.pt]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path),
    help="Result, such as viral/x_merged.pt; 'virnucpro train' reads every *_merged.pt of a folder.",
)  # fmt: skip
@click.option(
    "--label", type=click.Choice(["viral", "non-viral"]), help="Class of every row, for training.  [default: unknown]"
)
@overwrite_option
@messages_options
def merge(
    dna: Path, protein: Path | None, output: Path, label: str | None, overwrite: bool, quiet: bool, verbose: bool
) -> int:
    """Join DNA and protein vectors of the same ORFs.

    DNA.pt and PROTEIN.pt are results of 'virnucpro embed' for the two files that 'virnucpro prepare' writes. The result
    has the rows of DNA.pt, in its order; IDs that only one file has are left out and logged. Without PROTEIN.pt, it
    holds the DNA vectors alone.

    \b
    Examples:
      virnucpro merge x_nucleotide_DNABERT_S.pt x_protein_ESM.pt -o viral/x_merged.pt --label viral
      virnucpro merge y_nucleotide_DNABERT_S.pt y_protein_ESM.pt -o non_viral/y_merged.pt --label non-viral
      virnucpro merge x_nucleotide_MINI.pt -o viral/x_merged.pt --label viral
    """
    if not output.name.endswith(SUFFIX):
        raise click.UsageError(f"{output}: 'virnucpro train' finds only files whose names end in {SUFFIX}")
    from virnucpro.verbs.merge import merge_features  # imports torch, which --help does not need

    with Console(quiet, verbose) as console:
        manifest = merge_features(dna, protein, output, label, overwrite)
        if manifest is None:
            console.say(f"{output}: already finished, skipped")
            return ExitCode.DONE
        counts = manifest.counts
        console.say(f"rows: {counts['read']:,} read, {counts['written']:,} written, {counts['failed']:,} left out")
        if counts["failed"]:
            console.warn(f"{counts['failed']:,} IDs are only in one file, see {output.parent}/extraction_failures.log")
    return ExitCode.SOME_FAILED if counts["failed"] else ExitCode.DONE
