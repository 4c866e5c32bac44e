"""``virnucpro``: the verbs, and how errors and signals become messages and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from virnucpro import __version__
from virnucpro.cli.cite import cite
from virnucpro.cli.compare import compare
from virnucpro.cli.completion import completion
from virnucpro.cli.doctor import doctor
from virnucpro.cli.download import download
from virnucpro.cli.embed import embed
from virnucpro.cli.evaluate import evaluate
from virnucpro.cli.exit_codes import ExitCode
from virnucpro.cli.features import features
from virnucpro.cli.import_classifier import import_classifier
from virnucpro.cli.merge import merge
from virnucpro.cli.models import models
from virnucpro.cli.predict import predict
from virnucpro.cli.prepare import prepare
from virnucpro.cli.train import train
from virnucpro.cli.verify import verify
from virnucpro.errors import ConfigError, DimensionError, InputError, VirNucProError

__all__ = ["cli", "main", "run"]


class Terminated(KeyboardInterrupt):
    """Raised at SIGTERM, which ends a run as Ctrl-C does."""


class Verbs(click.Group):
    """The verbs; a signal or a closed pipe ends them without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
            return code
        except BrokenPipeError:  # head and less close stdout early; click would treat that as a failure
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.DONE
        except KeyboardInterrupt as stop:
            code = ExitCode.TERMINATED if isinstance(stop, Terminated) else ExitCode.INTERRUPTED
            raise click.exceptions.Exit(code) from stop


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="virnucpro %(version)s")
def cli() -> None:
    """Find viral sequences in metagenomes with protein and DNA language models.

    \b
    Examples:
      virnucpro predict contigs.fasta -o calls
      virnucpro embed proteins.faa -o vectors
      virnucpro doctor --model mini
    """


VERBS = (
    predict, embed, features, prepare, merge, train, evaluate, import_classifier, models, download, doctor,
    verify, compare, completion, cite,
)  # fmt: skip

for verb in VERBS:
    cli.add_command(verb)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Bugs are not caught, because a report needs the traceback."""
    try:
        command = ("virnucpro", *arguments)
        return cli.main(list(arguments), prog_name=command[0], standalone_mode=False, obj=command) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as stop:
        return ExitCode.TERMINATED if isinstance(stop.__cause__, Terminated) else ExitCode.INTERRUPTED
    except VirNucProError as error:
        click.echo(f"error: {error}", err=True)
        if isinstance(error, ConfigError):
            return ExitCode.USAGE
        bad_input = isinstance(error, (InputError, DimensionError))
        return ExitCode.BAD_INPUT if bad_input else ExitCode.WEIGHTS_DEVICE_OR_DISK


def _on_signal(number: int, _frame: FrameType | None) -> None:
    """Stop cleanly at the first signal, immediately at the second."""
    for known in (signal.SIGINT, signal.SIGTERM):
        signal.signal(known, lambda again, _: os._exit(128 + again))
    if number == signal.SIGTERM:
        raise Terminated("terminated (SIGTERM)")
    raise KeyboardInterrupt("interrupted (Ctrl-C)")


def main() -> None:
    """Run the installed command."""
    signal.signal(signal.SIGINT, _on_signal)
    signal.signal(signal.SIGTERM, _on_signal)
    sys.exit(run(sys.argv[1:]))
