"""``virnucpro compare``: what differs between the calls of two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from virnucpro.cli.exit_codes import ExitCode
from virnucpro.errors import counted, shown

if TYPE_CHECKING:
    from virnucpro.writers.table import Table

__all__ = ["compare"]


@click.command()
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; report through the exit code.")
def compare(a: Path, b: Path, quiet: bool) -> int:
    """Compare the calls of two runs.

    A and B are output folders of 'virnucpro predict'. Prints a table of the records whose calls differ or that only one
    folder has, and a summary to stderr. Records are matched by ID, and duplicate IDs by their order. Runs of several
    samples are matched sample by sample; to compare one of them with another run, give its own folder. The exit code is
    0 if all calls are the same, and 6 if not.

    \b
    Examples:
      virnucpro compare calls calls_relaxed
      virnucpro compare calls calls_of_new_version > changes.tsv
      virnucpro compare -q calls calls_again && echo same
    """
    from virnucpro.verbs.compare import compare as verb

    found = verb(a, b)
    if not quiet:
        _print(found.table)
        both = found.same + found.changed.total()
        changed = f"{found.same:,} with the same call, {found.changed.total():,} changed"
        lines = [f"{counted(both, 'record')} in both: {changed}"]
        lines += [f"  {number:,} {old} -> {new}" for (old, new), number in sorted(found.changed.items())]
        lines += [f"only in {name}: {counted(n, 'record')}" for name, n in zip((a, b), found.only, strict=True) if n]
        lines += [f"different {line}" for line in found.settings]
        if found.largest_difference == found.largest_difference:
            lines.append(f"largest difference of virus_score: {found.largest_difference:.6f}")
        click.echo("\n".join(shown(line, 1000) for line in lines), err=True)
    return ExitCode.DONE if found.is_same else ExitCode.DIFFERENT


def _print(table: Table) -> None:
    """Print a table with tabs."""
    click.echo("\t".join(table.columns))
    for row in table:
        click.echo("\t".join(_cell(value) for value in row))


def _cell(value: object) -> str:
    if value == "" or value != value:
        return "NA"
    return f"{value:.6f}" if isinstance(value, float) else shown(str(value), 1000)
