"""``virnucpro evaluate``: how good a classifier is, with what certainty."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.options import threads_option, use_threads
from virnucpro.cli.talk import Talk

if TYPE_CHECKING:
    from virnucpro.verbs.evaluate import EvaluationPlan, Measured

__all__ = ["evaluate"]


_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--viral",
    required=True,
    multiple=True,
    type=_FOLDER,
    help="Folder of viral *_merged.pt parts; once for every window length.",
)
@click.option(
    "--host",
    required=True,
    multiple=True,
    type=_FOLDER,
    help="Folder of host parts; as often as --viral, in the same order.",
)
@click.option("-o", "--outdir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Result folder.")
@click.option(
    "--test-side",
    is_flag=True,
    help="Measure only what training set aside; give the folders of the training.",
)
@click.option(
    "--draws", type=click.IntRange(min=1), default=1000, show_default=True, help="Of the bootstrap over records."
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Of the bootstrap.")
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def evaluate(
    models: tuple[Path, ...], viral: tuple[Path, ...], host: tuple[Path, ...], outdir: Path, test_side: bool,
    draws: int, seed: int, threads: int | None, overwrite: bool, quiet: bool,
) -> int:  # fmt: skip
    """Measure every MODEL on merged features with known labels.

    Writes evaluation.json and evaluation.tsv, with 95 % intervals of a bootstrap over records, and the ROC,
    precision-recall and calibration curves and a histogram of scores as PNG and SVG. Several models, for several
    window lengths or modalities, are measured each on the folders of its own window, and compared in one table.
    """
    # torch is imported here, not above: --help must be quick
    from virnucpro.verbs.evaluate import EvaluationJob, carry_out_evaluation, plan_evaluation

    if len(viral) != len(host):
        raise click.UsageError(f"--viral is given {len(viral)} times and --host {len(host)} times; they go in pairs")
    talk = Talk(quiet)
    use_threads(threads)
    job = EvaluationJob(models, tuple(zip(viral, host, strict=True)), outdir, test_side, draws, seed)
    plans = plan_evaluation(job, overwrite)
    for plan in plans:
        _warn(talk, plan)
    for measured in carry_out_evaluation(plans):
        _say(talk, measured)
    talk.say(f"figures in {outdir}")
    return 0


def _warn(talk: Talk, plan: EvaluationPlan) -> None:
    if plan.unchecked:
        missing = ", ".join(plan.unchecked)
        talk.warn(f"{plan.name}: not checked, because features or classifier do not say it: {missing}")
    if plan.seen_in_training:
        talk.warn(f"{plan.name} was trained on these very rows: the figures are too good; add --test-side")


def _say(talk: Talk, measured: Measured) -> None:
    spec = measured.plan.classifier.spec
    talk.say(f"{measured.plan.name}, {spec.modality}, {spec.window_bp or 'unknown'} bp")
    for found in measured.evaluations:
        talk.say(f"  {found.level}: {found.rows:,} ({found.viral_rows:,} viral) of {found.records:,} records")
        for name, value in found.figures.items():
            low, high = found.intervals[name]
            talk.say(f"    {name:<10}{value:.4f}  ({low:.4f} to {high:.4f})")
