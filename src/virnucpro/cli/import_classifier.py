"""``virnucpro import-classifier``: published, pickled classifiers in; files without code out."""

from __future__ import annotations

from pathlib import Path

import click

from virnucpro.errors import ConfigError, StoreError

__all__ = ["import_classifier"]


@click.command("import-classifier")
@click.argument("published", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; ends in .safetensors.",
)  # fmt: skip
@click.option(
    "--window",
    "window_bp",
    required=True,
    type=click.IntRange(min=1, max=1_000_000),
    help="Length in bp of the windows that it was trained on: 300 or 500.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def import_classifier(published: Path, output: Path, window_bp: int, overwrite: bool) -> int:
    """Convert a published classifier.

    PUBLISHED is 300_model.pth or 500_model.pth of the original VirNucPro. The published files are pickles, which can
    hold code. Nothing in them is run: only tensors are read, and a file that asks for any other class or function is
    refused. The converted classifier needs features of DNABERT-S and ESM-2 3B.

    \b
    Examples:
      virnucpro import-classifier 500_model.pth -o 500.safetensors --window 500
      virnucpro import-classifier 300_model.pth -o 300.safetensors --window 300
      virnucpro import-classifier 500_model.pth -o 500.safetensors --window 500 --overwrite
    """
    from virnucpro.features import published as reader  # imports torch, which --help does not need
    from virnucpro.features.classifier import serialise_classifier
    from virnucpro.runs.files import is_taken, whole_file

    if output.suffix != ".safetensors":
        raise ConfigError(f"{output}: a classifier's file ends in .safetensors")
    if is_taken(output) and not overwrite:
        raise StoreError(f"{output} already exists; give another name or add --overwrite")
    classifier = reader.import_classifier(published, window_bp)
    with whole_file(output) as stream:
        stream.write(serialise_classifier(classifier))
    encoders = " and ".join(use.name for use in classifier.spec.parts.values())
    click.echo(f"{output}: takes {classifier.spec.width} features of {encoders}, windows of {window_bp} bp", err=True)
    return 0
