"""``virnucpro models``: list the known models, and download their weights."""

from __future__ import annotations

import click

from virnucpro.errors import ConfigError

__all__ = ["models"]


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List models, or download their weights.

    \b
    Examples:
      virnucpro models
      virnucpro models download fastesm2-650
      HF_HOME=/shared/weights virnucpro models download dnabert-s
    """
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
def list_models() -> None:
    """List the known models and say whether their weights are on this machine.

    \b
    Examples:
      virnucpro models list
      virnucpro models list | grep here
      HF_HOME=/shared/weights virnucpro models list
    """
    from virnucpro.models.catalog import CATALOG, PACKAGED
    from virnucpro.models.hub import find_downloaded
    from virnucpro.models.packaged import is_here, open_packaged

    row = "{:<14}{:>7}{:>7}{:>7}  {:<12}{}".format
    click.echo(row("name", "params", "layers", "width", "weights", "source"))
    for entry in CATALOG.values():
        found = "here" if find_downloaded(entry) else "not here"
        source = f"{entry.repository}@{entry.revision[:7]}" + (f" ({entry.note})" if entry.note else "")
        click.echo(row(entry.name, entry.parameters, entry.layers, entry.width, found, source))
    for packaged in PACKAGED.values():
        checkpoint = open_packaged(packaged.name) if is_here(packaged.name) else None
        shape: tuple[object, ...] = ("-", "-", "-", "not here")
        if checkpoint:
            shape = (f"{checkpoint.parameters / 1e6:.1f}M", checkpoint.layers, checkpoint.width, "here")
        click.echo(row(packaged.name, *shape, f"in the package ({packaged.note})"))


@models.command()
@click.argument("name")
def download(name: str) -> None:
    """Download the weights of NAME into the Hugging Face cache.

    What is there already is not downloaded again, and an interrupted download continues. HF_HOME moves the cache; copy
    it to use models on a machine without a network.

    \b
    Examples:
      virnucpro models download fastesm2-650
      virnucpro models download dnabert-s
      HF_HOME=/shared/weights virnucpro models download esm2-3b
    """
    from virnucpro.models.catalog import CATALOG, PACKAGED
    from virnucpro.models.hub import download_weights

    if name in PACKAGED:
        raise ConfigError(f"{name} comes with the package; there is nothing to download")
    if name not in CATALOG:
        raise ConfigError(f"unknown model {name!r:.100}; 'virnucpro models' lists {', '.join(CATALOG)}")
    click.echo(str(download_weights(CATALOG[name])))
