"""``virnucpro features``: genomes in, merged features out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.embed import TokenBudget
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import device_option, dtype_option, threads_option, use_threads
from virnucpro.cli.talk import ResidueProgress, Talk

if TYPE_CHECKING:
    from virnucpro.verbs.features import FeatureJob, FeatureReport


@dataclass(frozen=True)
class Choices:
    """What the user chose, as click gives it."""

    inputs: Sequence[Path]
    outdir: Path
    window: int
    label: str | None
    dna_model: str
    protein_model: str
    genetic_code: int
    max_tokens: int | None
    overwrite: bool


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option("-o", "--outdir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Result folder.")
@click.option("--window", type=click.IntRange(min=6), default=500, show_default=True, help="Bases of a window.")
@click.option("--label", type=click.Choice(["viral", "host"]), help="What all inputs are, for training.")
@click.option("--dna-model", default="dnabert-s", show_default=True, metavar="NAME|PATH", help="DNA encoder.")
@click.option(
    "--protein-model", default="fastesm2-650", show_default=True, metavar="NAME|PATH", help="Protein encoder."
)
@click.option("--genetic-code", type=int, default=1, show_default=True, help="NCBI's number, 1 to 33.")
@device_option
@dtype_option
@click.option("--max-tokens", type=TokenBudget(), default="auto", show_default=True, help="Tokens of one batch.")
@threads_option
@click.option("--overwrite", is_flag=True, help="Make every part anew, whatever is there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def features(device: str, dtype: str, threads: int | None, quiet: bool, **chosen: object) -> int:
    """Turn genomes into features: windows, stop-free frames, both encoders, one row per frame.

    x.fna gives OUTDIR/x_part0001_merged.pt and so on, 10,000 rows each at most, beside receipts. Started again after an
    interruption, the same command does what is left.
    """
    # torch is imported here, not above: --help must be quick
    from virnucpro.models.placement import choose_placement
    from virnucpro.verbs.features import FeatureReport, feature_jobs, make_features
    from virnucpro.verbs.frame_encoders import choose_encoders
    from virnucpro.verbs.part_files import FrameSettings
    from virnucpro.verbs.sources import Source, check_sources, survey_sources

    choices, talk = Choices(**chosen), Talk(quiet)  # type: ignore[arg-type]
    use_threads(threads)
    placement = choose_placement(device, dtype)
    sources = [Source(path, str(path)) for path in choices.inputs]
    check_sources(sources)
    encoders = choose_encoders(choices.dna_model, choices.protein_model, placement)
    settings = FrameSettings(choices.window, choices.genetic_code, choices.max_tokens, placement)
    jobs = feature_jobs(sources, choices.outdir, settings, choices.label, encoders)
    survey, report = survey_sources(sources), FeatureReport()
    talk.say(
        f"{survey.records:,} records, {survey.bases:,} bases; windows of {choices.window} on {placement.describe()}"
    )
    with ResidueProgress(survey.bases, talk, "bases") as progress:
        for job in jobs:
            make_features(job, encoders.load, progress.advance, report, choices.overwrite)
    _sum_up(report, jobs, talk)
    return ExitCode.SOME_FAILED if report.counts.failed else ExitCode.DONE


def _sum_up(report: FeatureReport, jobs: Sequence[FeatureJob], talk: Talk) -> None:
    windows = ", ".join(f"{number:,} {word}" for word, number in sorted(report.windows.items())) or "none"
    talk.say(f"windows: {windows}")
    counts = report.counts
    kept = report.parts - report.computed_parts
    talk.say(
        f"frames: {counts.read:,} read, {counts.written:,} written, {counts.failed:,} failed; "
        f"parts: {report.computed_parts:,} computed, {kept:,} skipped; results in {jobs[0].outdir}"
    )
    if report.unchecked_parts:
        talk.warn(
            f"{report.unchecked_parts} parts have no receipt: kept, could not be checked; --overwrite makes them anew"
        )
