"""``virnucpro``: the verbs, and what an error becomes for a shell.

Exit codes: 0 done; 1 a bug; 2 usage; 3 bad input; 4 weights, device or disk; 5 done, but some sequences failed;
130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from virnucpro import __version__
from virnucpro.cli.doctor import doctor
from virnucpro.cli.embed import embed
from virnucpro.cli.evaluate import evaluate
from virnucpro.cli.features import features
from virnucpro.cli.import_classifier import import_classifier
from virnucpro.cli.models import models
from virnucpro.cli.predict import predict
from virnucpro.cli.prepare import prepare
from virnucpro.cli.train import train
from virnucpro.errors import ConfigError, DimensionError, InputError, VirNucProError

__all__ = ["cli", "main", "run"]

USAGE, BAD_INPUT, WEIGHTS_DEVICE_OR_DISK, INTERRUPTED = 2, 3, 4, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="virnucpro %(version)s")
def cli() -> None:
    """Find viral sequence with protein and DNA language models."""


cli.add_command(embed)
cli.add_command(features)
cli.add_command(train)
cli.add_command(evaluate)
cli.add_command(import_classifier)
cli.add_command(predict)
cli.add_command(prepare)
cli.add_command(models)
cli.add_command(doctor)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code. A bug is not caught: its traceback is what a report needs."""
    try:
        return cli.main(list(arguments), prog_name="virnucpro", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; finished files are whole, and the same command goes on from them", err=True)
        return INTERRUPTED
    except VirNucProError as error:
        click.echo(f"error: {error}", err=True)
        if isinstance(error, ConfigError):
            return USAGE
        return BAD_INPUT if isinstance(error, (InputError, DimensionError)) else WEIGHTS_DEVICE_OR_DISK


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))
