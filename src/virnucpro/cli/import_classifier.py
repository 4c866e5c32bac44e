"""``virnucpro import-classifier``: published, pickled classifiers in; files without code out."""

from __future__ import annotations

from pathlib import Path

import click

from virnucpro.errors import ConfigError, StoreError

__all__ = ["import_classifier"]


@click.command("import-classifier")
@click.argument("published", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to: x.safetensors."
)
@click.option(
    "--window", "window_bp", required=True, type=click.IntRange(min=1),
    help="Bases of the windows it was trained on; 500 for 500_model.pth.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a classifier that is there.")
def import_classifier(published: Path, output: Path, window_bp: int, overwrite: bool) -> int:
    """Take over a classifier that VirNucPro published: PUBLISHED is 300_model.pth or 500_model.pth.

    Nothing in the file is run: its tensors are read, and a file that asks for any class or function but those of such a
    classifier is refused, by name. The result needs features of DNABERT-S and ESM-2 3B.
    """
    from virnucpro.models import published as reader  # torch is imported here, not above: --help must be quick
    from virnucpro.models.classifier import serialise_classifier
    from virnucpro.runs.files import whole_file

    if output.suffix != ".safetensors":
        raise ConfigError(f"{output}: a classifier's file ends in .safetensors")
    if output.exists() and not overwrite:
        raise StoreError(f"{output} is there already; give another name or add --overwrite")
    classifier = reader.import_classifier(published, window_bp)
    with whole_file(output) as stream:
        stream.write(serialise_classifier(classifier))
    encoders = " and ".join(use.name for use in classifier.contract.parts.values())
    click.echo(f"{output}: {classifier.contract.width} numbers of {encoders}, windows of {window_bp} bp", err=True)
    return 0
