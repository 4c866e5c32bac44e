"""``virnucpro evaluate``: metrics of a classifier, with confidence intervals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.console import Console
from virnucpro.cli.options import threads_option, use_threads
from virnucpro.errors import counted

if TYPE_CHECKING:
    from virnucpro.evaluation.evaluate import Evaluation
    from virnucpro.verbs.evaluate import ModelEvaluation

__all__ = ["evaluate"]

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_PLURAL = {"orf": "ORFs", "window": "windows", "record": "records"}


@click.command()
@click.argument("models", metavar="CLASSIFIER...", nargs=-1, required=True, type=_FILE)
@click.option(
    "--viral", required=True, multiple=True, type=_FOLDER, metavar="DIR",
    help="Features of viral sequences (*_merged.pt); repeat for several window lengths.",
)  # fmt: skip
@click.option(
    "--non-viral", required=True, multiple=True, type=_FOLDER, metavar="DIR",
    help="Features of non-viral sequences; one for each --viral, in the same order.",
)  # fmt: skip
@click.option("-o", "--outdir", required=True, type=_FOLDER, metavar="DIR", help="Output folder.")
@click.option(
    "--test-part", is_flag=True,
    help="Measure only the records that training held out; give the folders of the training.",
)  # fmt: skip
@click.option(
    "--draws", type=click.IntRange(min=1), default=1000, show_default=True,
    help="Bootstrap draws for confidence intervals.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Random seed for the bootstrap."
)
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace existing results.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def evaluate(
    models: tuple[Path, ...], viral: tuple[Path, ...], non_viral: tuple[Path, ...], outdir: Path, test_part: bool,
    draws: int, seed: int, threads: int | None, overwrite: bool, quiet: bool,
) -> int:  # fmt: skip
    """Measure classifiers on labelled features.

    Writes evaluation.json and evaluation.tsv: metrics of ORFs, windows and records, overall and by length, with 95 %
    confidence intervals of a bootstrap over records. Figures show the ROC, precision-recall and calibration curves, the
    distribution of scores, and recall by length (PNG and SVG). Several classifiers are compared in one table; each is
    measured on the features that fit it.

    \b
    Examples:
      virnucpro evaluate own.safetensors --viral v --non-viral n -o evaluation
      virnucpro evaluate own.safetensors --viral v --non-viral n -o held_out --test-part
      virnucpro evaluate 300.safetensors 500.safetensors \\
          --viral v300 --non-viral n300 --viral v500 --non-viral n500 -o comparison
    """
    # imports torch, which --help does not need
    from virnucpro.verbs.evaluate import EvaluateSettings
    from virnucpro.verbs.evaluate import evaluate as run

    with Console(quiet) as console:
        use_threads(threads)
        settings = EvaluateSettings(test_part, draws, seed)
        run(models, viral, non_viral, outdir, settings, overwrite, lambda measured: console.say(_metrics(measured)))
        console.say(f"results: {outdir}")
    return 0


def _without_intervals(found: Evaluation) -> str:
    none = all(math.isnan(low) for low, _ in found.intervals.values())
    return "; no intervals, because all bootstrap draws agree" if none else ""


def _metrics(measured: ModelEvaluation) -> str:
    spec = measured.classifier.spec
    lines = [f"{measured.name}: {spec.modality}, {spec.window_bp or 'unknown'} bp, {measured.rows_of}"]
    for found in measured.overall():
        lines.append(
            f"  {_PLURAL[found.unit]}: {found.viral_rows:,} viral + {found.rows - found.viral_rows:,} non-viral, "
            f"of {counted(found.records, 'record')}{_without_intervals(found)}"
        )
        for name, value in found.figures.items():
            low, high = found.intervals.get(name, (math.nan, math.nan))
            interval = "" if math.isnan(low) else f"  ({low:.4f} to {high:.4f})"
            lines.append(f"    {name:<22}{value:.4f}{interval}")
    return "\n".join(lines)
