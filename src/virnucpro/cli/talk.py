"""How the command talks to a person: on stderr, with a bar on a terminal and lines elsewhere."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["ResidueProgress", "Talk"]

SECONDS_BETWEEN_LINES = 30


class Talk:
    """Messages on stderr, unless they are not wanted."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        logging.basicConfig(format="warning: %(message)s", level=logging.WARNING, force=True)

    def say(self, message: str) -> None:
        """Tell what happens."""
        if not self.quiet:
            click.echo(message, err=True)

    def warn(self, message: str) -> None:
        """Tell what must not be missed."""
        click.echo(f"warning: {message}", err=True)

    def error(self, message: str) -> None:
        """Tell what went wrong, when the run goes on all the same."""
        click.echo(f"error: {message}", err=True)


class ResidueProgress:
    """Progress over residues, with rate and time left."""

    def __init__(self, total: int, talk: Talk, unit: str = "residues") -> None:
        self.total, self.done, self.talk, self.unit = total, 0, talk, unit
        self.started = self.last_line = time.monotonic()
        self.bar = None if talk.quiet else _bar_on_terminal(unit)
        if self.bar:
            self.task = self.bar.add_task("embedding", total=total, rate=0.0)

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def advance(self, residues: int) -> None:
        """Count residues that are done; show them now and then."""
        self.done += residues
        now = time.monotonic()
        rate = self.done / max(now - self.started, 1e-9)
        if self.bar:
            self.bar.update(self.task, completed=self.done, rate=rate)
        elif now - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = now
            left = (self.total - self.done) / rate if rate else 0
            self.talk.say(f"{self.done:,} of {self.total:,} {self.unit}, {rate:,.0f}/s, about {left:,.0f} s left")


def _bar_on_terminal(unit: str) -> Progress | None:
    from rich.console import Console  # not needed for --help, which must be quick
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        return None
    return Progress(
        TextColumn("embedding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit + ", {task.fields[rate]:,.0f}/s,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
    )
