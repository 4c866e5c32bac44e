"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "TokenBudget", "device_option", "dtype_option", "inputs_argument", "max_tokens_option", "messages_options",
    "outdir_option", "overwrite_option", "part_records_option", "part_windows_option", "table_option",
    "threads_option", "use_threads",
]  # fmt: skip

Command = TypeVar("Command", bound=Callable[..., Any])


class TokenBudget(click.ParamType[int | None]):
    """``auto`` or a positive number."""

    name = "auto|N"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        if not value.isdecimal() or int(value) == 0:
            self.fail(f"{value!r} is neither 'auto' nor a positive number", param, ctx)
        return int(value)


inputs_argument = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
outdir_option = click.option(
    "-o", "--outdir", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Output folder."
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ...", metavar="DEVICE"
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
    default="auto",
    show_default=True,
    help="Number format of the model; vectors are float32. auto: fp16 on CUDA, bf16 on CPUs with AMX, else fp32.",
)
threads_option = click.option("-t", "--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]")
max_tokens_option = click.option(
    "--max-tokens", type=TokenBudget(), default="auto", show_default=True, help="Token budget of one batch."
)
table_option = click.option(
    "--translation-table", type=int, default=1, show_default=True, metavar="N",
    help="NCBI translation table, such as 4 for Mycoplasma or 11 for bacteria.",
)  # fmt: skip
part_windows_option = click.option(
    "--part-windows", type=click.IntRange(min=1), metavar="N",
    help="Windows of one part, the unit that is saved.  [default: about half a minute of work]",
)  # fmt: skip
part_records_option = click.option(
    "--part-records", type=click.IntRange(min=1), metavar="N",
    help="Sequences of one part, the unit that is saved.  [default: about half a minute of work]",
)  # fmt: skip
overwrite_option = click.option("--overwrite", is_flag=True, help="Recompute everything, ignoring existing results.")


def messages_options(command: Command) -> Command:
    """Add -q and -v."""
    command = click.option("-v", "--verbose", is_flag=True, help="Show what is read, skipped and saved.")(command)
    return click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")(command)


def use_threads(threads: int | None) -> None:
    """Limit torch to this number of CPU threads."""
    if threads:
        import torch  # slow, and not needed for --help

        torch.set_num_threads(threads)
