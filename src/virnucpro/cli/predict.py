"""``virnucpro predict``: reads and contigs in, a call for every one of them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.embed import TokenBudget, spooled_stdin
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import device_option, dtype_option, threads_option, use_threads
from virnucpro.cli.talk import ResidueProgress, Talk

if TYPE_CHECKING:
    from virnucpro.models.placement import Placement
    from virnucpro.scoring.call_rule import CallRule
    from virnucpro.verbs.frame_encoders import ChosenEncoders
    from virnucpro.verbs.predict import PredictionJob, PredictionReport


@dataclass(frozen=True)
class Choices:
    """What the user chose, as click gives it."""

    inputs: Sequence[Path]
    outdir: Path
    classifier: str
    window: int | None
    dna_model: str | None
    protein_model: str | None
    min_score: float | None
    prior: float | None
    conservative: bool
    relaxed: bool
    genetic_code: int
    track_pages: int
    max_tokens: int | None
    overwrite: bool


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option("-o", "--outdir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Result folder.")
@click.option(
    "--classifier", default="mini", show_default=True, metavar="mini|FILE",
    help="mini is the model of the package; FILE is from 'virnucpro train' or 'virnucpro import-classifier'.",
)  # fmt: skip
@click.option("--window", type=click.IntRange(min=6), help="Bases of a window.  [default: the classifier's]")
@click.option("--dna-model", metavar="NAME|PATH", help="DNA encoder.  [default: the classifier's]")
@click.option("--protein-model", metavar="NAME|PATH", help="Protein encoder.  [default: the classifier's]")
@click.option(
    "--min-score", type=click.FloatRange(0, 1),
    help="Least score of a record that is called a virus.  [default: a calibrated classifier's threshold, else 0.5]",
)  # fmt: skip
@click.option(
    "--conservative", is_flag=True, help="Call fewer, with fewer false ones among them; calibrated classifiers."
)
@click.option("--relaxed", is_flag=True, help="Call more, with more false ones among them; calibrated classifiers.")
@click.option(
    "--prior", type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of viral input that virus_score and fdr are for; calibrated classifiers.  [default: 0.5]",
)  # fmt: skip
@click.option("--genetic-code", type=int, default=1, show_default=True, help="NCBI's number, 1 to 33.")
@click.option(
    "--track-pages", type=click.IntRange(min=0), default=5, show_default=True,
    help="Pages of scores along the longest contigs, ten contigs each.",
)  # fmt: skip
@device_option
@dtype_option
@click.option("--max-tokens", type=TokenBudget(), default="auto", show_default=True, help="Tokens of one batch.")
@threads_option
@click.option("--overwrite", is_flag=True, help="Compute every part anew, whatever is there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def predict(device: str, dtype: str, threads: int | None, quiet: bool, **chosen: object) -> int:
    """Call every read or contig of INPUT: virus or others.

    INPUT is FASTA or FASTQ, plain or compressed with gz, bz2, xz or zst; "-" reads it from standard input. Writes
    calls.tsv with one row for every record, viral.fasta, VirNucPro's prediction_results.txt and
    prediction_results_highestscore.csv, run.json, and tracks.png. Started again after an interruption, the same command
    does what is left.
    """
    # torch is imported here, not above: --help must be quick
    from virnucpro.models.placement import choose_placement
    from virnucpro.verbs.predict import score_parts
    from virnucpro.verbs.prediction_tables import write_tables

    choices, talk = Choices(**chosen), Talk(quiet)  # type: ignore[arg-type]
    use_threads(threads)
    placement = choose_placement(device, dtype)
    with spooled_stdin(choices.inputs) as (paths, spool):
        job, rule, encoders, bases = _prepare(choices, paths, spool, placement, talk)
        with ResidueProgress(bases, talk, "bases") as progress:
            report = score_parts(job, encoders.load, progress.advance, choices.overwrite)
        write_tables(job, report, rule, choices.track_pages, {"device": placement.describe()})
    _sum_up(report, job, talk)
    return ExitCode.SOME_FAILED if report.failed_frames else ExitCode.DONE


def _prepare(
    choices: Choices, paths: Sequence[Path], spool: Path | None, placement: Placement, talk: Talk
) -> tuple[PredictionJob, CallRule, ChosenEncoders, int]:
    """Check everything that can be wrong before any work; give job, rule, encoders and bases to come."""
    from virnucpro.scoring.call_rule import choose_rule
    from virnucpro.verbs.frame_encoders import choose_encoders
    from virnucpro.verbs.part_files import FrameSettings
    from virnucpro.verbs.predict import find_classifier, prediction_job
    from virnucpro.verbs.sources import Source, check_sources, survey_sources

    sources = [Source(path, "-" if path == spool else str(path)) for path in paths]
    check_sources(sources)
    classifier = find_classifier(choices.classifier)
    rule = choose_rule(classifier.calibration, choices.prior, choices.min_score, choices.conservative, choices.relaxed)
    use = classifier.spec
    dna = choices.dna_model or (use.dna.name if use.dna else None)
    protein = choices.protein_model or (use.protein.name if use.protein else None)
    encoders = choose_encoders(dna if use.dna else None, protein if use.protein else None, placement)
    window_bp = choices.window or use.window_bp
    if window_bp is None:
        raise click.UsageError(f"{classifier.name} does not say its window; give --window")
    settings = FrameSettings(window_bp, choices.genetic_code, choices.max_tokens, placement, use.rows)
    job = prediction_job(sources, choices.outdir, settings, classifier, encoders)
    for unknown in classifier.require(job.spec):
        talk.warn(f"{classifier.name}: {unknown}")
    survey = survey_sources(sources)
    talk.say(f"{survey.records:,} records, {survey.bases:,} bases; windows of {window_bp} on {placement.describe()}")
    return job, rule, encoders, survey.bases


def _sum_up(report: PredictionReport, job: PredictionJob, talk: Talk) -> None:
    """Lines of counts that add up."""
    windows = ", ".join(f"{number:,} {word}" for word, number in sorted(report.windows.items())) or "none"
    talk.say(f"windows: {windows}; frames: {report.rows:,} scored, {report.failed_frames:,} failed")
    if job.spec.rows == "longest":
        talk.say(f"windows with rows: {report.kinds}")
    calls = ", ".join(f"{number:,} {word}" for word, number in sorted(report.calls.items())) or "none"
    statuses = ", ".join(f"{number:,} {word}" for word, number in sorted(report.statuses.items()) if word != "scored")
    talk.say(f"records: {calls}" + (f" ({statuses})" if statuses else ""))
    if not report.calls:
        talk.warn("no record in the input: the tables have a header and no row")
    elif 2 * report.statuses["ambiguous"] > sum(report.calls.values()):
        talk.warn("most records are mostly other letters than A, C, G, T; predict reads nucleotides, not proteins")
    skipped = report.parts - report.computed_parts
    talk.say(f"parts: {report.computed_parts:,} computed, {skipped:,} skipped; results in {job.outdir}")
    if report.tracks > report.drawn_tracks:
        talk.say(f"tracks: {report.drawn_tracks:,} of {report.tracks:,} contigs drawn; --track-pages draws more")
