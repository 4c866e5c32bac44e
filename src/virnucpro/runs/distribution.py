"""How the parts of a run are shared out to processes and devices."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from virnucpro.errors import ConfigError

__all__ = ["Distribution"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a run uses more than one process or device; calls, tables and sequences are the same whatever it says.

    Attributes
    ----------
    shard : (int, int) or None
        Number of this process and how many there are: (1, 3) computes every third part. None computes all parts.
    runner : {"local", "ray"}
        "local" computes in this process; "ray" hands parts to workers, one for each device or share of one.
    devices : tuple of str
        Devices of this machine, each for a worker of its own, such as ("cuda:0", "cuda:1").
    ray_address : str or None
        Address of a Ray cluster, or "auto"; None starts one on this machine.
    workers : int or None
        Workers; None takes as many as the cluster has room for.
    cpus_per_worker : int
        CPU cores, and threads, of a worker.
    gpus_per_worker : float or None
        GPUs of a worker, or a share of one, such as 0.25; None takes one where the cluster has GPUs.
    shared_folder : bool
        Whether workers see the output folder; if not, they send their parts back.
    attempts : int
        How often a part is computed whose worker dies over it.
    stale_after_s : float
        Seconds without a sign of life after which another machine's claim on a part is taken over.

    Examples
    --------
    >>> Distribution(shard=(2, 3)).has(run=0, part=5)
    True
    """

    shard: tuple[int, int] | None = None
    runner: Literal["local", "ray"] = "local"
    devices: tuple[str, ...] = ()
    ray_address: str | None = None
    workers: int | None = None
    cpus_per_worker: int = 1
    gpus_per_worker: float | None = None
    shared_folder: bool = True
    attempts: int = 3
    stale_after_s: float = 120.0

    def check(self, overwrite: bool) -> None:
        """Refuse what cannot work: ConfigError names all problems, DeviceError a device that is not there."""
        problems = []
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            problems.append(f"shard {self.shard[0]}/{self.shard[1]}: the first number must be 1 to the second")
        if self.shard is not None and overwrite:
            problems.append(
                "--shard and --overwrite exclude each other: a shard would discard what others have computed; use "
                "another output folder, or run once without --shard"
            )
        if self.runner not in ("local", "ray"):
            problems.append(f"unknown runner {self.runner!r}; choose local or ray")
        problems += self._problems_of_ray() if self.runner == "ray" else self._problems_without_ray()
        if min(self.attempts, self.workers or 1, self.cpus_per_worker) < 1 or self.stale_after_s <= 0:
            problems.append("workers, CPUs, attempts and seconds must be positive")
        if problems:
            raise ConfigError("\n".join(problems))
        if len(self.devices) > 1 and self.ray_address is None:
            from virnucpro.models.placement import choose_placement  # imports torch

            for name in self.devices:
                choose_placement(name)

    def _problems_without_ray(self) -> list[str]:
        given = {
            "several devices": len(self.devices) > 1,
            "--ray-address": self.ray_address,
            "--workers": self.workers,
            "--gpus-per-worker": self.gpus_per_worker is not None,
            "--no-shared-folder": not self.shared_folder,
        }
        return [f"{name} needs Ray; add --runner ray" for name, is_given in given.items() if is_given]

    def _problems_of_ray(self) -> list[str]:
        problems = []
        if find_spec("ray") is None:
            problems.append("--runner ray needs Ray; pip install 'virnucpro[ray]'")
        if len(set(self.devices)) < len(self.devices) or not _ray_takes(self.devices):
            problems.append(
                f"devices {', '.join(self.devices)}: Ray takes cpu, cuda, or several of cuda:0, cuda:1, ..., each once"
            )
        if self.ray_address and "://" in self.ray_address:
            problems.append(
                f"--ray-address {self.ray_address}: Ray Client is not supported; run this command on a machine of the "
                "cluster, with --ray-address auto, or give HOST:PORT of the head"
            )
        return problems

    def has(self, run: int, part: int) -> bool:
        """Whether a part is this process's; runs of one part each are shared out as well."""
        return self.shard is None or (part + run - self.shard[0]) % self.shard[1] == 0


def _ray_takes(devices: tuple[str, ...]) -> bool:
    if len(devices) <= 1:
        return not devices or devices[0] in ("auto", "cpu") or devices[0].startswith("cuda")
    return all(device.startswith("cuda:") and device[5:].isdecimal() for device in devices)
