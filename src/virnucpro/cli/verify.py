"""``virnucpro verify``: whether results are still what was written."""

from __future__ import annotations

from pathlib import Path

import click

from virnucpro.cli.exit_codes import ExitCode
from virnucpro.errors import shown

__all__ = ["verify"]


@click.command()
@click.argument("outdir", metavar="OUTDIR", type=click.Path(path_type=Path))
def verify(outdir: Path) -> int:
    """Check that finished results are unchanged.

    Compares every run in OUTDIR with its manifest: results must have the recorded size and digest, inputs that still
    exist must be unchanged, counts must add up, and every sample must have its results. The exit code is 0 if all
    checks pass, and 4 if not.

    \b
    Examples:
      virnucpro verify calls
      virnucpro verify vectors
      virnucpro verify calls && tar czf calls.tar.gz calls
    """
    from virnucpro.verbs.verify import verify as verb

    failed = 0
    for check in verb(outdir):
        failed += not check.passed
        click.echo(f"{'PASS' if check.passed else 'FAIL'}  {shown(check.name, 300)}: {shown(check.found, 1000)}")
    return ExitCode.WEIGHTS_DEVICE_OR_DISK if failed else ExitCode.DONE
