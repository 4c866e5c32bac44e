"""Messages of a command on stderr: the library's log, and progress as a bar or as lines."""

from __future__ import annotations

import logging
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from virnucpro.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from virnucpro.runs.progress import Progress

__all__ = ["Console", "command_line", "spooled_stdin"]

SECONDS_BETWEEN_LINES = 30
LOG_FILE = "virnucpro.log"
LETTERS_OF_DAY = len("2026-01-31 ")


def command_line() -> str:
    """The command as a shell reads it, whatever folder it is installed in."""
    context = click.get_current_context(silent=True)
    return shlex.join(context.find_root().obj or ()) if context else ""


class Console(logging.Handler):
    """Shows warnings and errors always, results unless quiet, and info messages of the library if verbose."""

    def __init__(self, quiet: bool, verbose: bool = False, outdir: Path | None = None) -> None:
        super().__init__(logging.INFO if verbose else logging.WARNING)
        self.quiet = quiet
        self._logger = logging.getLogger("virnucpro")
        self._file = None if outdir is None else _log_file(outdir)
        self._bar: Bar | None = None
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        self._level = self._logger.level
        self._logger.setLevel(logging.INFO)
        self._logger.addHandler(self)
        if self._file:
            self._logger.addHandler(self._file)
            self._logger.info("command: %s", command_line())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_bar()
        self._logger.setLevel(self._level)
        self._logger.removeHandler(self)
        if self._file:
            if error is not None:
                level = logging.WARNING if isinstance(error, KeyboardInterrupt) else logging.ERROR
                self._logger.log(level, "%s", str(error) or type(error).__name__)
            self._logger.removeHandler(self._file)
            self._file.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a log message of the library."""
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        self._show(prefix + record.getMessage())

    def say(self, message: str) -> None:
        """Show a result of the command, and log it."""
        if not self.quiet:
            self._show(message)
        if self._file:
            self._file.handle(logging.LogRecord("virnucpro", logging.INFO, "", 0, message, (), None))

    def warn(self, message: str) -> None:
        """Show a warning, even if quiet, and log it."""
        self._logger.warning("%s", message)

    def progress(self, state: Progress) -> None:
        """Show the progress: a bar on a terminal, otherwise a line every 30 seconds."""
        if self.quiet:
            return
        if self._bar is None and sys.stderr.isatty():
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task("", total=1.0)
        if self._bar is not None:
            self._bar.update(self._task, completed=state.share, description=str(state))
            if state.done >= state.total:
                self._stop_bar()
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._show(str(state))

    def _show(self, message: str) -> None:
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(message, err=True)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar() -> Bar:
    from rich.console import Console as Terminal  # not needed for --help, which must be fast
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(BarColumn(), TextColumn("{task.description}"), console=Terminal(stderr=True))


def _log_file(outdir: Path) -> logging.Handler:
    """Open OUTDIR/virnucpro.log for appending: never through a link, and nothing but such a log."""
    from virnucpro.runs.files import require_writable

    require_writable(outdir)
    path = outdir / LOG_FILE

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW, 0o666)

    try:
        stream = open(path, "a+", encoding="utf-8", errors="backslashreplace", opener=opener)  # noqa: SIM115
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; remove it, or use another folder") from error
    stream.seek(0)
    if (begin := stream.readline(LETTERS_OF_DAY)) and not re.fullmatch(r"\d{4}-\d\d-\d\d ", begin):
        stream.close()
        raise StoreError(f"{path} is not a VirNucPro log; move it, or use another folder")
    handler = logging.StreamHandler(stream)
    handler.close = stream.close  # type: ignore[method-assign]
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


@contextmanager
def spooled_stdin(inputs: Sequence[Path]) -> Iterator[tuple[list[Path], Path | None]]:
    """Copy standard input, if "-" is given, to a temporary file, because inputs are read more than once."""
    if inputs.count(Path("-")) == 0:
        yield list(inputs), None
        return
    if inputs.count(Path("-")) > 1:
        raise ConfigError("standard input ('-') can be read only once")
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigError("standard input ('-') is closed")
    with tempfile.TemporaryDirectory(prefix="virnucpro-") as folder:
        spool = Path(folder) / "stdin"
        try:
            with spool.open("wb") as stream:
                shutil.copyfileobj(sys.stdin.buffer, stream)
        except OSError as error:
            raise StoreError(
                f"cannot copy standard input to a temporary file: {error.strerror or error}; free some space, or set "
                "TMPDIR to a folder that has it"
            ) from error
        yield [spool if path == Path("-") else path for path in inputs], spool
