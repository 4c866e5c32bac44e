"""``virnucpro models``: which models there are, and how to get their weights."""

from __future__ import annotations

import click

from virnucpro.errors import ConfigError

__all__ = ["models"]


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List the known models, or download the weights of one."""
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
def list_models() -> None:
    """List the known models and whether their weights are on this machine."""
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
            parameters = f"{checkpoint.parameters / 1e6:.1f}M"
            shape = (parameters, checkpoint.config.layers, checkpoint.config.width, "here")
        click.echo(row(packaged.name, *shape, f"part of the package ({packaged.note})"))


@models.command()
@click.argument("name")
def download(name: str) -> None:
    """Fetch the weights of NAME into the Hugging Face cache (HF_HOME moves it)."""
    from virnucpro.models.catalog import CATALOG, PACKAGED
    from virnucpro.models.hub import download_weights

    if name in PACKAGED:
        raise ConfigError(f"{name} is part of the package: there is nothing to download")
    if name not in CATALOG:
        raise ConfigError(f"unknown model {name!r}; 'virnucpro models' lists {', '.join(CATALOG)}")
    click.echo(str(download_weights(CATALOG[name])))
