"""``virnucpro predict``: reads and contigs in, a call for every one of them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from virnucpro.cli.console import Console, command_line, spooled_stdin
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import (
    distribution_options,
    dtype_option,
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
from virnucpro.cli.outcomes import say_what_is_missing
from virnucpro.errors import counted
from virnucpro.writers.outputs import DEFAULT_OUTPUTS, FIGURE_FORMATS, OUTPUTS, TABLE_FORMATS

if TYPE_CHECKING:
    from virnucpro.scoring.calibration import Level
    from virnucpro.verbs.prediction import Prediction
    from virnucpro.verbs.samples import Sample

Command = TypeVar("Command", bound=Callable[..., Any])


class Prior(click.ParamType[float | str]):
    """``auto`` or a share between 0 and 1."""

    name = "SHARE|auto"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "auto":
            return value
        share = click.FloatRange(0, 1, min_open=True, max_open=True)
        return share.convert(value, param, ctx)  # type: ignore[arg-type]


class OutputNames(click.ParamType[tuple[str, ...]]):
    """Names of outputs between commas."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ANN401
        names = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value
        known = [output.name for output in OUTPUTS]
        if unknown := [name for name in names if name not in known]:
            self.fail(f"{', '.join(unknown)!r} is not an output; choose from {', '.join(known)}", param, ctx)
        return names


class FigureFormats(click.ParamType[tuple[str, ...]]):
    """Formats of figures between commas."""

    name = ",".join(FIGURE_FORMATS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ANN401
        chosen = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value
        if unknown := [name for name in chosen if name not in FIGURE_FORMATS]:
            known = ", ".join(FIGURE_FORMATS)
            self.fail(f"{', '.join(unknown)!r} is not a figure format; choose from {known}", param, ctx)
        return tuple(dict.fromkeys(chosen))


def output_options(command: Command) -> Command:
    """Add an option for each output: --no-NAME for those that are written by default, --NAME for the others."""
    for output in reversed(OUTPUTS):
        option, verb = (f"--no-{output.name}", "Leave out") if output.default else (f"--{output.name}", "Also write")
        command = click.option(
            option, _flag(output.name), is_flag=True, help=f"{verb} {output.about}."
        )(command)  # fmt: skip
    return command


def _flag(name: str) -> str:
    """Name of the argument that an output's option sets."""
    return f"output_{name.replace('-', '_')}"


def _outputs(only: tuple[str, ...] | None, flags: Mapping[str, bool]) -> tuple[str, ...]:
    """Names of the outputs that were asked for."""
    changed = {output.name for output in OUTPUTS if flags[_flag(output.name)]}
    start = set(DEFAULT_OUTPUTS if only is None else only)
    chosen = (start - changed) | {output.name for output in OUTPUTS if output.name in changed and not output.default}
    return tuple(output.name for output in OUTPUTS if output.name in chosen)


@click.command()
@click.argument("inputs", nargs=-1, metavar="INPUT...", type=click.Path(path_type=Path))
@outdir_option
@click.option(
    "--samples", "sheet", type=click.Path(path_type=Path), metavar="SHEET",
    help="Sample sheet to use instead of INPUT: CSV with the columns sample,fastq_1,fastq_2,fasta.",
)  # fmt: skip
@click.option(
    "--paired", is_flag=True, help="INPUTs alternate between first and second mates; each pair gets one call."
)
@click.option("--recursive", is_flag=True, help="Take all sequence files below an INPUT that is a folder.")
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
    "--figures", type=FigureFormats(), default=(), metavar=FigureFormats.name,
    help="Also write the figures of the report, in these formats.",
)  # fmt: skip
@click.option("--only", type=OutputNames(), help="Write only these outputs, such as calls,viral.")
@output_options
@click.option(
    "--format", "table_format", type=click.Choice(TABLE_FORMATS), default="tsv", show_default=True,
    help="Format of calls, windows and regions; parquet needs pyarrow.",
)  # fmt: skip
@click.option("--class-scores", is_flag=True, help="Add the probability of every class to calls.tsv.")
@click.option("--single-windows", is_flag=True, help="Also list the windows of records with a single window.")
@distribution_options
@dtype_option
@max_tokens_option
@part_windows_option
@threads_option
@overwrite_option
@messages_options
def predict(
    inputs: tuple[Path, ...], outdir: Path, threads: int | None, overwrite: bool, quiet: bool, verbose: bool,
    conservative: bool, relaxed: bool, sheet: Path | None, paired: bool, recursive: bool,
    only: tuple[str, ...] | None, **chosen: Any,  # noqa: ANN401
) -> int:  # fmt: skip
    """Call every read or contig of INPUT viral or non-viral.

    INPUT is FASTA, FASTQ or GenBank, plain or compressed with gz, bz2, xz or zst; "-" is standard input. Writes
    calls.tsv with one row per record, viral.fasta, tables of windows and regions, files for genome browsers and
    MultiQC, report.html and run.json. Several INPUTs are several samples: each gets its own folder, and
    summary.tsv and a common report are written beside them. After an interruption, run the same command to continue.

    \b
    Examples:
      virnucpro predict contigs.fasta -o calls
      virnucpro predict --paired reads_1.fastq.gz reads_2.fastq.gz -o pair_calls --conservative --threads 8
      virnucpro predict --samples sheet.csv -o sample_calls --classifier model.safetensors --device cuda
    """
    if conservative and relaxed:
        raise click.UsageError("--conservative and --relaxed exclude each other; give one")
    if bool(sheet) == bool(inputs):
        raise click.UsageError("give INPUTs, or a sheet of them with --samples; not both")
    if sheet and (paired or recursive):
        raise click.UsageError("--samples says which files are pairs; leave out --paired and --recursive")
    # imports torch, which --help does not need
    from virnucpro.verbs.predict import predict as run
    from virnucpro.verbs.predict_settings import PredictSettings

    flags = {name: chosen.pop(name) for name in list(chosen) if name.startswith("output_")}
    level: Level = "conservative" if conservative else "relaxed" if relaxed else "default"
    distribution = take_distribution(chosen, threads)
    settings = PredictSettings(level=level, outputs=_outputs(only, flags), **chosen)
    with Console(quiet, verbose, outdir) as console:
        use_threads(threads)
        settings.check()
        distribution.check(overwrite)
        with spooled_stdin(inputs) as (paths, spool):
            given = _given(paths, sheet, paired, outdir if recursive else None)
            done = run(
                given, outdir, settings, paired=paired and not recursive, overwrite=overwrite,
                progress=console.progress, stdin=spool, command=command_line(), distribution=distribution,
            )  # fmt: skip
        _sum_up(done, console)
    if any(sample.outcome.error for sample in done.samples):
        return ExitCode.BAD_INPUT
    return ExitCode.SOME_FAILED if done.counts.get("failed_rows") else ExitCode.DONE


def _given(
    paths: Sequence[Path], sheet: Path | None, paired: bool, below: Path | None
) -> Sequence[Path] | Sequence[Sample]:
    """Turn what was given into samples, where it is more than files; `below` is the output folder if it may be both."""
    from virnucpro.verbs.sample_sheet import read_sheet
    from virnucpro.verbs.samples import files_below, samples_of_files

    if sheet:
        return read_sheet(sheet)
    return paths if below is None else samples_of_files(list(files_below(paths, below)), paired)


def _sum_up(done: Prediction, console: Console) -> None:
    """Counts that add up."""
    from virnucpro.runs.run import State

    counts, samples = done.counts, len(done.samples)
    say_what_is_missing([sample.outcome for sample in done.samples], console)
    if not counts:
        return
    calls, statuses = counts["calls"], counts["statuses"]
    called = sum(bool(sample.counts) for sample in done.samples)
    of_all = "" if called == samples else f"{called:,} of "
    where = f" in {of_all}{samples:,} samples" if samples > 1 else ""
    paired = all(sample.outcome.run.output_settings["paired"] for sample in done.samples)
    console.say(
        f"{counted(counts['records'], 'pair' if paired else 'record')}{where}: "
        + ", ".join(f"{calls.get(call, 0):,} {call}" for call in ("viral", "non-viral", "not_scored"))
        + _in_brackets({status: number for status, number in statuses.items() if status != "scored"})
    )
    if proviruses := counts.get("regions", {}).get("provirus"):
        console.say(f"{counted(proviruses, 'provirus', 'proviruses')} in non-viral records")
    _say_priors(done, console)
    if not counts["records"]:
        console.warn("the input holds no records; the tables have a header and no rows")
    elif 2 * statuses.get("ambiguous", 0) > counts["records"]:
        console.warn("most records have too many letters other than A, C, G and T to be scored; is this DNA?")
    parts, computed = (sum(getattr(one.outcome, name) for one in done.samples) for name in ("parts", "computed_parts"))
    written = any(one.outcome.state is State.WRITTEN for one in done.samples)
    news = f"{counted(computed, 'part')} computed, {parts - computed:,} skipped"
    console.say(f"{news if written else 'already finished, skipped'}, on {done.device}; results in {done.outdir}")
    if done.outdir and (done.outdir / "report.html").is_file():
        console.say(f"open {done.outdir / 'report.html'} in a browser")


def _say_priors(done: Prediction, console: Console) -> None:
    """Say which viral share `--prior auto` has found."""
    for sample in done.samples:
        manifest = sample.outcome.manifest
        if manifest is None or manifest.output_settings.get("prior") != "auto":
            continue
        of, prior = f" of {sample.name}" if len(done.samples) > 1 else "", manifest.details.get("prior")
        if isinstance(prior, float):  # a manifest may be damaged
            console.say(f"viral share{of} by --prior auto: {prior:.5g}")


def _in_brackets(numbers: dict[str, int]) -> str:
    return f" ({', '.join(f'{number:,} {word}' for word, number in sorted(numbers.items()))})" if numbers else ""
