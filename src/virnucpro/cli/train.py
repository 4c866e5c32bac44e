"""``virnucpro train``: feature folders in, a classifier out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from virnucpro.cli.options import device_option, threads_option, use_threads
from virnucpro.cli.talk import Talk

if TYPE_CHECKING:
    from virnucpro.training.fit import Epoch
    from virnucpro.verbs.train import TrainingPlan, TrainingReport

__all__ = ["host_option", "train", "viral_option"]

_FOLDER = click.Path(file_okay=False, path_type=Path)

viral_option = click.option("--viral", required=True, type=_FOLDER, help="Folder of viral *_merged.pt parts.")
host_option = click.option("--host", required=True, type=_FOLDER, help="Folder of host *_merged.pt parts.")


@click.command()
@viral_option
@host_option
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to: x.safetensors."
)
@click.option(
    "--modality", type=click.Choice(["both", "dna", "protein"]), default="both", show_default=True,
    help="Which features the classifier takes.",
)  # fmt: skip
@click.option(
    "--split", type=click.Choice(["record", "random"]), default="record", show_default=True,
    help="Set whole source records aside to measure on, or single rows as the original VirNucPro does, which gives "
    "figures that are too good.",
)  # fmt: skip
@click.option("--test-share", type=float, default=0.1, show_default=True, help="Share of rows to set aside.")
@click.option("--window", type=click.IntRange(min=1), help="Bases of the windows, for features that do not say it.")
@click.option("--epochs", type=click.IntRange(min=1), default=200, show_default=True, help="At most.")
@click.option(
    "--patience", type=click.IntRange(min=1), default=5, show_default=True,
    help="Epochs without a lower test loss after which training ends.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Of split, weights and order.")
@click.option("--learning-rate", type=float, default=2e-4, show_default=True, help="Of SGD.")
@click.option("--momentum", type=float, default=0.9, show_default=True, help="Of SGD.")
@click.option(
    "--rate-step", "rate_step_epochs", type=click.IntRange(min=1), default=10, show_default=True,
    help="Epochs after which the rate falls.",
)  # fmt: skip
@click.option("--rate-factor", type=float, default=0.85, show_default=True, help="What the rate is multiplied by then.")
@click.option("--rows-per-batch", type=click.IntRange(min=2), default=32, show_default=True, help="Rows of one step.")
@device_option
@threads_option
@click.option("--overwrite", is_flag=True, help="Replace a classifier that is there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
def train(device: str, threads: int | None, overwrite: bool, quiet: bool, **options: Any) -> int:  # noqa: ANN401
    """Train a classifier on merged features, and measure it on records that were set aside.

    Writes the classifier with the weights of its best epoch and, beside it, x.epochs.jsonl: one JSON object per epoch.
    The same call on the same machine gives the same file.
    """
    # torch is imported here, not above: --help must be quick
    from virnucpro.models.placement import choose_placement
    from virnucpro.verbs.train import carry_out_training, plan_training

    talk = Talk(quiet)
    use_threads(threads)
    placement = choose_placement(device, "fp32")
    plan = plan_training(_job(options), overwrite)
    _introduce(plan, talk)
    talk.say(f"training on {placement.describe()}")

    def told(epoch: Epoch) -> None:
        talk.say(
            f"epoch {epoch.number}: train loss {epoch.train_loss:.4f}, test loss {epoch.test_loss:.4f}, test AUROC "
            f"{epoch.test.get('auroc', float('nan')):.4f}{', best so far' if epoch.best else ''}"
        )

    report = carry_out_training(plan, placement.device, told)
    talk.say(_sum_up(plan, report))
    return 0


def _job(options: dict[str, Any]) -> Any:  # noqa: ANN401 - a TrainingJob, which is not imported for --help
    from virnucpro.training.fit import FitSettings
    from virnucpro.verbs.train import TrainingJob

    of_fit = (
        "epochs", "patience", "rows_per_batch", "learning_rate", "momentum", "rate_step_epochs", "rate_factor", "seed",
    )  # fmt: skip
    settings = FitSettings(**{name: options.pop(name) for name in of_fit})
    return TrainingJob(window_bp=options.pop("window"), settings=settings, **options)


def _introduce(plan: TrainingPlan, talk: Talk) -> None:
    spec = plan.task.rows.spec
    if spec.window_bp is None:
        talk.warn("the features do not say the length of their windows; add --window so that the classifier does")
    if any(use.identity is None for use in spec.parts.values()):
        talk.warn("features without receipts: the classifier cannot say which encoders it needs, only their widths")
    on = plan.rows_on
    talk.say(
        f"rows: {on['train_viral']:,} viral and {on['train_host']:,} host to learn from, "
        f"{on['test_viral']:,} viral and {on['test_host']:,} host to measure on (split by {plan.job.split})"
    )
    if plan.job.split == "random":
        talk.warn("split by row: windows of one record are on both sides, so the figures are too good")


def _sum_up(plan: TrainingPlan, report: TrainingReport) -> str:
    best = report.best
    figures = ", ".join(f"{name} {value:.4f}" for name, value in best.test.items())
    return (
        f"{plan.job.output}: epoch {best.number} of {len(report.epochs)}, test loss {best.test_loss:.4f}, {figures}; "
        f"split by {plan.job.split}; epochs in {plan.job.log}"
    )
