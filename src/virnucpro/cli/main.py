"""``virnucpro``: the verbs, and what an error becomes for a shell."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence

import click

from virnucpro import __version__
from virnucpro.cli.doctor import doctor
from virnucpro.cli.embed import embed
from virnucpro.cli.evaluate import evaluate
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.features import features
from virnucpro.cli.import_classifier import import_classifier
from virnucpro.cli.models import models
from virnucpro.cli.predict import predict
from virnucpro.cli.prepare import prepare
from virnucpro.cli.train import train
from virnucpro.errors import ConfigError, DimensionError, InputError, VirNucProError

__all__ = ["cli", "main", "run"]


class Verbs(click.Group):
    """The verbs; a reader of stdout that has seen enough, as `head` does, ends them well."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            if not _stdout_is_broken():
                raise
            return ExitCode.DONE


def _stdout_is_broken() -> bool:
    """Whether nobody reads stdout any more; if so, it goes nowhere from now on."""
    descriptor, poll = sys.stdout.fileno(), select.poll()
    poll.register(descriptor, 0)  # errors and hang-ups are told unasked
    if not poll.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return True


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
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
        return ExitCode.INTERRUPTED
    except VirNucProError as error:
        click.echo(f"error: {error}", err=True)
        if isinstance(error, ConfigError):
            return ExitCode.USAGE
        return (
            ExitCode.BAD_INPUT if isinstance(error, (InputError, DimensionError)) else ExitCode.WEIGHTS_DEVICE_OR_DISK
        )


def main() -> None:
    """Entry point of the installed command."""
    # Threads that wait for each other sleep, and do not spin: beside one other busy process that is 620 instead of 130
    # tokens/s of the 650M shape on two cores. Read when torch is imported, so it is said here, before that.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(run(sys.argv[1:]))
