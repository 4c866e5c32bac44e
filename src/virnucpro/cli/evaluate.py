"""``virnucpro evaluate``: how good a classifier is, with what certainty."""

from __future__ import annotations

from pathlib import Path

import click

from virnucpro.cli.options import threads_option, use_threads
from virnucpro.cli.talk import Talk
from virnucpro.cli.train import host_option, viral_option

__all__ = ["evaluate"]


@click.command()
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@viral_option
@host_option
@click.option("-o", "--outdir", required=True, type=click.Path(file_okay=False, path_type=Path), help="Result folder.")
@click.option(
    "--test-side", is_flag=True,
    help="Measure only what training set aside; give the folders of the training.",
)  # fmt: skip
@click.option(
    "--draws", type=click.IntRange(min=1), default=1000, show_default=True, help="Of the bootstrap over records."
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Of the bootstrap.")
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def evaluate(
    model: Path, viral: Path, host: Path, outdir: Path, test_side: bool,
    draws: int, seed: int, threads: int | None, overwrite: bool, quiet: bool,
) -> int:  # fmt: skip
    """Measure MODEL on merged features with known labels.

    Writes evaluation.json and evaluation.tsv, with 95 % intervals of a bootstrap over records, and the ROC,
    precision-recall and calibration curves and a histogram of scores as PNG and SVG.
    """
    # torch is imported here, not above: --help must be quick
    from virnucpro.pipeline.evaluate import EvaluationJob, carry_out_evaluation, plan_evaluation

    talk = Talk(quiet)
    use_threads(threads)
    plan = plan_evaluation(EvaluationJob(model, viral, host, outdir, test_side, draws, seed), overwrite)
    if plan.rows.contract.untrained:
        talk.warn("the features come from an untrained encoder: the figures mean nothing")
    if plan.unchecked:
        talk.warn(f"not checked, because features or classifier do not say it: {', '.join(plan.unchecked)}")
    if plan.seen_in_training:
        talk.warn("the classifier was trained on these very rows: the figures are too good; add --test-side")
    for found in carry_out_evaluation(plan):
        talk.say(f"{found.level}: {found.rows:,} ({found.viral_rows:,} viral) of {found.records:,} records")
        for name, value in found.figures.items():
            low, high = found.intervals[name]
            talk.say(f"  {name:<10}{value:.4f}  ({low:.4f} to {high:.4f})")
    talk.say(f"figures in {outdir}")
    return 0
