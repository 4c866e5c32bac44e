"""``virnucpro doctor``: show the machine, and test an extraction on it."""

from __future__ import annotations

import os
import platform

import click

from virnucpro import __version__
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.options import device_option, dtype_option, threads_option, use_threads
from virnucpro.errors import WeightsError

__all__ = ["doctor"]


@click.command()
@click.option("--model", metavar="NAME|PATH", help="Also run an extraction with this model and check its result.")
@device_option
@dtype_option
@threads_option
def doctor(model: str | None, device: str, dtype: str, threads: int | None) -> int:
    """Show what this machine offers.

    With --model, also tests a whole extraction: it embeds six sequences, merges and resumes, and prints PASS or FAIL
    for each check. The exit code is 0 only if all checks pass.

    \b
    Examples:
      virnucpro doctor
      virnucpro doctor --model mini
      virnucpro doctor --model fastesm2-650 --device cuda --dtype bf16
    """
    use_threads(threads)
    _show_machine(device, dtype)
    if model is None:
        click.echo("self-test   not run: add --model NAME ('mini' comes with the package)")
        return ExitCode.DONE
    from virnucpro.models.encoders import load_encoder
    from virnucpro.verbs.selftest import self_test

    encoder = load_encoder(model, device, dtype)
    click.echo(f"self-test   {encoder.identity.name}, weights {encoder.identity.weights_sha256[:12]}")
    failed = 0
    for check in self_test(encoder):
        failed += not check.passed
        click.echo(f"{'PASS' if check.passed else 'FAIL'}  {check.name}: {check.found}")
    return ExitCode.WEIGHTS_DEVICE_OR_DISK if failed else ExitCode.DONE


def _show_machine(device: str, dtype: str) -> None:
    import torch

    from virnucpro.models.placement import choose_placement
    from virnucpro.verbs.selftest import attention_timing, gpu_verdict

    placement = choose_placement(device, dtype)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    click.echo(f"virnucpro   {__version__}")
    click.echo(f"python      {platform.python_version()} on {platform.platform()}")
    click.echo(f"torch       {torch.__version__}")
    click.echo(f"runs on     {placement.describe()}")
    click.echo(f"memory      {memory / 2**30:.1f} GiB")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        click.echo(f"cuda:{index}      {properties.name}, {properties.total_memory / 2**30:.1f} GiB")
    click.echo(f"attention   {attention_timing(placement)}")
    if verdict := gpu_verdict(placement):
        click.echo(f"GPU         {verdict}")
    click.echo(f"weights     {_downloaded()}")


def _downloaded() -> str:
    """Name the published models on this machine; report wrong settings of the hub instead of failing."""
    from virnucpro.models.catalog import CATALOG
    from virnucpro.models.hub import cache_folder, find_downloaded

    try:
        folder = cache_folder()
    except WeightsError as error:
        return "; ".join(str(error).splitlines()[:2])
    found = [entry.name for entry in CATALOG.values() if find_downloaded(entry)]
    return f"{', '.join(found) or 'none of the published models'} in {folder}"
