"""``virnucpro train``: folders of labelled features in, a classifier out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from virnucpro.cli.console import Console
from virnucpro.cli.options import device_option, threads_option, use_threads

if TYPE_CHECKING:
    from virnucpro.training.fit import Epoch
    from virnucpro.verbs.train import Training

__all__ = ["train"]

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--viral", required=True, type=_FOLDER, metavar="DIR", help="Features of viral sequences (*_merged.pt).")
@click.option("--non-viral", required=True, type=_FOLDER, metavar="DIR", help="Features of non-viral sequences.")
@click.option("-o", "--output", required=True, type=_FILE, metavar="FILE", help="Classifier to write, x.safetensors.")
@click.option(
    "--modality", type=click.Choice(["both", "dna", "protein"]),
    help="Features that the classifier uses.  [default: all that there are]",
)  # fmt: skip
@click.option(
    "--calibrate", is_flag=True,
    help="Also calibrate scores and thresholds by length, on records that were not trained on. 'predict' then "
    "reports an FDR and offers --conservative and --relaxed.",
)  # fmt: skip
@click.option(
    "--calibration-share", type=float, default=0.1, show_default=True, help="Share of rows held out for --calibrate."
)
@click.option("--test-share", type=float, default=0.1, show_default=True, help="Share of rows held out for testing.")
@click.option(
    "--split", type=click.Choice(["record", "random"]), default="record", show_default=True,
    help="Hold out whole records, or random rows as the original VirNucPro does, which flatters every metric.",
)  # fmt: skip
@click.option(
    "--window", "window_bp", type=click.IntRange(min=1), metavar="BP",
    help="Window length, for features that do not record it.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), default=200, show_default=True, help="Maximum number of epochs.")
@click.option(
    "--patience", type=click.IntRange(min=1), default=5, show_default=True,
    help="Stop after this many epochs without a lower test loss.",
)  # fmt: skip
@click.option("--learning-rate", type=float, default=2e-4, show_default=True, help="Initial learning rate of SGD.")
@click.option("--momentum", type=float, default=0.9, show_default=True, help="Momentum of SGD.")
@click.option(
    "--rate-step", "rate_step_epochs", type=click.IntRange(min=1), default=10, show_default=True,
    help="Epochs between reductions of the learning rate.",
)  # fmt: skip
@click.option("--rate-factor", type=float, default=0.85, show_default=True, help="Factor of each reduction.")
@click.option("--rows-per-batch", type=click.IntRange(min=2), default=32, show_default=True, help="Batch size.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=42, show_default=True,
    help="Random seed for the split, initial weights and shuffling.",
)  # fmt: skip
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace existing results.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def train(
    viral: Path, non_viral: Path, output: Path, device: str, threads: int | None, overwrite: bool, quiet: bool,
    **settings: Any,  # noqa: ANN401 - the fields of TrainSettings
) -> int:  # fmt: skip
    """Train a classifier on labelled features.

    Writes the classifier with the weights of its best epoch, and x.epochs.jsonl with one JSON object per epoch. The
    same command on the same machine writes the same file.

    \b
    Examples:
      virnucpro train --viral viral_features --non-viral non_viral_features -o own.safetensors
      virnucpro train --viral v --non-viral n -o own.safetensors --calibrate
      virnucpro train --viral v --non-viral n -o dna.safetensors --modality dna --epochs 50
    """
    # imports torch, which --help does not need
    from virnucpro.verbs.train import TrainSettings
    from virnucpro.verbs.train import train as run

    with Console(quiet) as console:
        use_threads(threads)

        def report(epoch: Epoch) -> None:
            auroc = epoch.test.get("auroc", float("nan"))
            best = ", best so far" if epoch.best else ""
            console.say(
                f"epoch {epoch.number}: train loss {epoch.train_loss:.4f}, test loss {epoch.test_loss:.4f}, "
                f"test AUROC {auroc:.4f}{best}"
            )

        console.say(_summary(run(viral, non_viral, output, TrainSettings(**settings), device, overwrite, report)))
    return 0


def _summary(result: Training) -> str:
    parts = dict.fromkeys(name.split("_")[0] for name in result.rows)
    rows = "; ".join(
        f"{part} {result.rows[f'{part}_viral']:,} viral + {result.rows[f'{part}_non_viral']:,} non-viral"
        for part in parts
    )
    figures = ", ".join(f"{name} {result.best.test[name]:.4f}" for name in ("auroc", "auprc", "f1", "mcc"))
    return (
        f"rows: {rows}\n"
        f"best epoch: {result.best.number} of {len(result.epochs)}, test loss {result.best.test_loss:.4f}, {figures}\n"
        f"classifier: {result.output}\n"
        f"epochs: {result.log}"
    )
