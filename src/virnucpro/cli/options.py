"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from virnucpro.runs.distribution import Distribution

__all__ = [
    "TokenBudget", "device_option", "distribution_options", "dtype_option", "inputs_argument", "max_tokens_option",
    "messages_options", "outdir_option", "overwrite_option", "part_records_option", "part_windows_option",
    "table_option", "take_distribution", "threads_option", "use_threads",
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


class Shard(click.ParamType[tuple[int, int]]):
    """``I/N``: the I-th of N shares."""

    name = "I/N"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        number, slash, count = value.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            self.fail(f"{value!r} is not a shard such as 1/3, 2/3 or 3/3", param, ctx)
        return int(number), int(count)


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
    help="Windows of one part, the unit that is saved.  [default: at most half a minute of work]",
)  # fmt: skip
part_records_option = click.option(
    "--part-records", type=click.IntRange(min=1), metavar="N",
    help="Sequences of one part, the unit that is saved.  [default: at most half a minute of work]",
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


_DISTRIBUTION = (
    click.option(
        "--device", "--devices", "devices", default="auto", show_default=True, metavar="DEVICE[,DEVICE]",
        help="auto, cpu, cuda, cuda:1, mps, ...; several GPUs of this machine, such as cuda:0,cuda:1, or all.",
    ),
    click.option(
        "--shard", type=Shard(), metavar="I/N",
        help="Compute only the I-th of N shares. Run all shards with the same output folder, in any order and on any "
        "machines. The last shard writes the results; so does the same command without --shard.",
    ),
    click.option(
        "--runner", type=click.Choice(["local", "ray"]),
        help="Compute in this process, or with Ray workers, one for each device.  [default: local; ray for several "
        "devices and for --ray-address]",
    ),
    click.option(
        "--ray-address", metavar="ADDRESS", help="Ray cluster to use, such as auto.  [default: start one here]"
    ),
    click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Ray workers.  [default: as many as fit]"),
    click.option(
        "--gpus-per-worker", type=click.FloatRange(0, min_open=False), metavar="X",
        help="GPUs of a Ray worker; 0.25 puts four workers on one GPU.  [default: 1 if there are GPUs]",
    ),
    click.option(
        "--no-shared-folder", "shared_folder", is_flag=True, flag_value=False, default=True,
        help="Ray workers do not see the output folder; they send their results back.",
    ),
)  # fmt: skip


def distribution_options(command: Command) -> Command:
    """Add what shares a run out to devices and processes; `take_distribution` reads it."""
    for option in reversed(_DISTRIBUTION):
        command = option(command)
    return command


def take_distribution(chosen: dict[str, Any], threads: int | None) -> Distribution:
    """Take these options out of `chosen`, which keeps the device of this process."""
    from virnucpro.runs.distribution import Distribution

    given = chosen.pop("devices")
    devices = _device_names(given)
    chosen["device"] = devices[0]
    options = {
        name: chosen.pop(name) for name in ("shard", "ray_address", "workers", "gpus_per_worker", "shared_folder")
    }
    runner = chosen.pop("runner") or ("ray" if len(devices) > 1 or options["ray_address"] else "local")
    return Distribution(
        runner=runner,  # type: ignore[arg-type]
        devices=() if given == "auto" else devices,
        cpus_per_worker=threads or 1,
        **options,
    )


def _device_names(given: str) -> tuple[str, ...]:
    """Read ``cuda:0,cuda:1`` or ``all``."""
    if given != "all":
        return tuple(name.strip() for name in given.split(","))
    import torch

    return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count())) or ("auto",)
