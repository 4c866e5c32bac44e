"""Options that several verbs share."""

from __future__ import annotations

import click

__all__ = ["device_option", "dtype_option", "threads_option", "use_threads"]

device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ...", metavar="DEVICE"
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
    default="auto",
    show_default=True,
    help="Number format of the model; vectors are written as float32. auto: fp16 on CUDA, bf16 on CPUs with AMX, "
    "else fp32.",
)
threads_option = click.option(
    "-t", "--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores that torch finds]"
)


def use_threads(threads: int | None) -> None:
    """Limit torch to some CPU threads, for this process."""
    if threads:
        import torch  # heavy, and not needed for --help

        torch.set_num_threads(threads)
