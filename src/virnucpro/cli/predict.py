"""``virnucpro predict``: reads and contigs in, a call for every one of them out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from virnucpro.cli.console import Console, spooled_stdin
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import (
    device_option,
    dtype_option,
    inputs_argument,
    max_tokens_option,
    messages_options,
    outdir_option,
    overwrite_option,
    part_windows_option,
    table_option,
    threads_option,
    use_threads,
)
from virnucpro.errors import shown

if TYPE_CHECKING:
    from virnucpro.scoring.calibration import Level
    from virnucpro.verbs.predict import Prediction


class Prior(click.ParamType[float | str]):
    """``auto`` or a share between 0 and 1."""

    name = "SHARE|auto"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "auto":
            return value
        share = click.FloatRange(0, 1, min_open=True, max_open=True)
        return share.convert(value, param, ctx)  # type: ignore[arg-type]


class Formats(click.ParamType[tuple[str, ...]]):
    """Formats of figures, with commas between them."""

    name = "png,svg,pdf"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ANN401, ARG002
        """Tell them apart, each once."""
        if not isinstance(value, str):
            return tuple(value)
        chosen = tuple(dict.fromkeys(filter(None, (one.strip().lower() for one in value.split(",")))))
        if unknown := [one for one in chosen if one not in ("png", "svg", "pdf")]:
            self.fail(f"{shown(unknown[0])!r} is not a format of figures; give png, svg, pdf or several of them", param)
        return chosen


@click.command()
@inputs_argument
@outdir_option
@click.option(
    "--classifier", default="mini", show_default=True, metavar="mini|FILE",
    help="The packaged model, or a file from 'virnucpro train' or 'virnucpro import-classifier'.",
)  # fmt: skip
@click.option("--conservative", is_flag=True, help="Call fewer records viral, with fewer false positives.")
@click.option("--relaxed", is_flag=True, help="Call more records viral, with more false positives.")
@click.option(
    "--min-score", type=click.FloatRange(0, 1), help="Minimum score to call a record viral, for every length."
)
@click.option(
    "--max-fdr", type=click.FloatRange(0, 1, min_open=True), metavar="X",
    help="Call records viral whose estimated false discovery rate is at most X.",
)  # fmt: skip
@click.option(
    "--prior", type=Prior(), metavar="SHARE|auto",
    help="Viral share of the input that virus_score and fdr assume; auto estimates it from the scores of at least "
    "1,000 records.  [default: 0.5]",
)  # fmt: skip
@click.option(
    "--min-length", "min_length_bp", type=click.IntRange(min=1), default=100, show_default=True, metavar="BP",
    help="Shorter records are not scored.",
)  # fmt: skip
@click.option(
    "--window",
    "window_bp",
    type=click.IntRange(min=6),
    metavar="BP",
    help="Window length.  [default: the classifier's]",
)
@click.option("--dna-model", metavar="NAME|PATH", help="DNA encoder.  [default: the classifier's]")
@click.option("--protein-model", metavar="NAME|PATH", help="Protein encoder.  [default: the classifier's]")
@table_option
@click.option(
    "--figures", type=Formats(), default="", metavar="png,svg,pdf",
    help="Also write the figures of the report, in these formats.",
)  # fmt: skip
@click.option(
    "--no-regions", "regions", is_flag=True, flag_value=False, default=True,
    help="Leave out regions.tsv, regions.bed and regions.fasta.",
)  # fmt: skip
@click.option("--class-scores", is_flag=True, help="Add a column to calls.tsv for the probability of every class.")
@click.option("--legacy-output", is_flag=True, help="Also write the two result files of the original VirNucPro.")
@device_option
@dtype_option
@max_tokens_option
@part_windows_option
@threads_option
@overwrite_option
@messages_options
def predict(
    inputs: tuple[Path, ...], outdir: Path, threads: int | None, overwrite: bool, quiet: bool, verbose: bool,
    conservative: bool, relaxed: bool, **chosen: Any,  # noqa: ANN401
) -> int:  # fmt: skip
    """Call every read or contig of INPUT viral or non-viral.

    INPUT is FASTA or FASTQ, plain or compressed with gz, bz2, xz or zst; "-" is standard input. Writes calls.tsv with
    one row per record, viral.fasta, regions.tsv and regions.bed with viral records and proviruses, regions.fasta with
    proviruses, report.html and run.json. After an interruption, run the same command to continue.

    \b
    Examples:
      virnucpro predict contigs.fasta -o calls
      virnucpro predict reads.fastq.gz -o calls --conservative --threads 8
      virnucpro predict contigs.fasta -o calls --classifier model.safetensors --device cuda
    """
    if conservative and relaxed:
        raise click.UsageError("--conservative and --relaxed exclude each other; give one")
    from virnucpro.verbs import predict as verb  # imports torch, which --help does not need

    level: Level = "conservative" if conservative else "relaxed" if relaxed else "default"
    settings = verb.PredictSettings(level=level, **chosen)
    with Console(quiet, verbose, outdir) as console:
        use_threads(threads)
        settings.check()
        with spooled_stdin(inputs) as (paths, spool):
            done = verb.predict(
                paths, outdir, settings, overwrite=overwrite, progress=console.progress, stdin=spool,
                command=shlex.join(["virnucpro", *sys.argv[1:]]),
            )  # fmt: skip
        _sum_up(done, console)
    return ExitCode.SOME_FAILED if done.counts.get("failed_rows") else ExitCode.DONE


def _sum_up(done: Prediction, console: Console) -> None:
    """Counts that add up."""
    counts, outcome = done.counts, done.outcome
    if not counts:
        return
    calls, statuses = counts["calls"], counts["statuses"]
    console.say(
        f"{counts['records']:,} records: "
        + ", ".join(f"{calls.get(call, 0):,} {call}" for call in ("viral", "non-viral", "not_scored"))
        + _in_brackets({status: number for status, number in statuses.items() if status != "scored"})
    )
    if proviruses := counts.get("regions", {}).get("provirus"):
        console.say(f"{proviruses:,} provirus{'es' * (proviruses > 1)} in non-viral records")
    if not counts["records"]:
        console.warn("the input holds no records; the tables have a header and no rows")
    elif 2 * statuses.get("ambiguous", 0) > counts["records"]:
        console.warn("most records consist mostly of letters other than A, C, G and T; is this DNA?")
    skipped = outcome.parts - outcome.computed_parts
    how = (
        f"{outcome.computed_parts:,} parts computed, {skipped:,} skipped"
        if outcome.parts
        else "already finished, skipped"
    )
    console.say(f"{how}, on {done.device}; results in {done.outdir}")


def _in_brackets(numbers: dict[str, int]) -> str:
    return f" ({', '.join(f'{number:,} {word}' for word, number in sorted(numbers.items()))})" if numbers else ""
