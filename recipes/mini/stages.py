"""The trainings of the recipe, each with a file of its own: halves, plateau, split, everything, curves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from recipes.mini.baseline import BASELINES, train_baseline
from recipes.mini.data import Records
from recipes.mini.provirus import half_of, scan_hosts
from recipes.mini.split import Split
from recipes.mini.training import Plan, train
from recipes.mini.windows import HostScan, Sampler
from virnucpro.models.mini import Mini, MiniConfig

__all__ = ["Stages", "Steps"]

BASELINE_STEPS = 1200
MARKS = (3000, 6000, 12_000)
"""Steps of the plateau after which a copy is kept, for the learning curve."""
CURVE_COOLING = 10
"""A training of the curve has a falling rate for one step in so many."""
DATA_PARTS = (4,)
"""Trainings to the first mark with one in so many groups of relatives."""


@dataclass(frozen=True)
class Steps:
    """Lengths of the trainings, in batches."""

    half: int = 2500  # each of the two networks that scan hosts; a fifth of it with a falling rate
    plateau: int = 22_500  # on the training side, before the rate falls
    cooling: int = 2500  # after that, with a falling rate
    everything: int = 12_500  # on all records, from the plateau on
    everything_cooling: int = 5000  # how many of these have a falling rate


@dataclass(frozen=True, eq=False)
class Stages:
    """One run of the recipe: what it trains on, and where it keeps what it made."""

    records: Records
    split: Split
    out: Path
    steps: Steps
    batch_bp: int
    seed: int

    @property
    def cache(self) -> Path:
        """Folder of what is prepared once."""
        return self.out / "cache"

    @property
    def known(self) -> NDArray[np.bool_]:
        """Records of the training side."""
        return np.asarray(self.split.sides == 0)

    @property
    def marks(self) -> list[int]:
        """Marks before the end of the plateau."""
        return [mark for mark in MARKS if mark < self.steps.plateau]

    def sampler(self, kept: NDArray[np.bool_], scan: HostScan | None = None) -> Sampler:
        """Windows of some records."""
        return Sampler(self.records, self.split.groups, kept, self.batch_bp, self.seed, scan)

    def scan(self) -> HostScan:
        """Train two networks of half of the hosts each, and scan the other half of each."""
        halves = []
        plan = Plan(self.steps.half, self.steps.half // 5, seed=self.seed)
        for half in (0, 1):
            side = self.sampler(self.known & half_of(self.records, self.split.groups, half))
            halves.append(train(MiniConfig(), plan, side, self.out / f"half-{half}.pt", self.cache))
        return scan_hosts(halves, self.records, self.split.groups, self.cache)

    def plateau(self, scan: HostScan) -> None:
        """Train on the training side at a constant rate, and keep copies at the marks."""
        side = self.sampler(self.known, scan)
        for mark in self.marks:
            if not (kept := self.out / f"plateau-{mark}.pt").exists():
                train(MiniConfig(), Plan(mark, seed=self.seed), side, self._plateau, self.cache)
                shutil.copyfile(self._plateau, kept)
        train(MiniConfig(), Plan(self.steps.plateau, seed=self.seed), side, self._plateau, self.cache)

    @property
    def _plateau(self) -> Path:
        return self.out / "plateau.pt"

    def on_split(self, scan: HostScan) -> Mini:
        """End the training on the training side: the network whose figures are reported."""
        plan = Plan(self.steps.plateau + self.steps.cooling, self.steps.cooling, seed=self.seed)
        return train(
            MiniConfig(), plan, self.sampler(self.known, scan), self.out / "split.pt", self.cache, self._plateau
        )

    def on_everything(self, scan: HostScan) -> Mini:
        """Continue the plateau on all records: the network that ships."""
        plan = Plan(self.steps.plateau + self.steps.everything, self.steps.everything_cooling, seed=self.seed)
        side = self.sampler(np.ones(len(self.records), bool), scan)
        return train(MiniConfig(), plan, side, self.out / "all.pt", self.cache, self._plateau)

    def curve(self, scan: HostScan) -> dict[str, Mini]:
        """Trainings that end at the marks, and those of fewer groups that end at the first, by name."""
        found = {}
        side = self.sampler(self.known, scan)
        for mark in self.marks:
            begin = self.out / f"plateau-{mark}.pt"
            cooling = mark // CURVE_COOLING
            plan = Plan(int(torch.load(begin, weights_only=True)["step"]) + cooling, cooling, seed=self.seed)
            name = f"curve-{mark}"
            found[name] = train(MiniConfig(), plan, side, self.out / f"{name}.pt", self.cache, begin)
        dealt = np.random.default_rng(self.seed).permutation(int(self.split.groups.max()) + 1)[self.split.groups]
        cooling = MARKS[0] // CURVE_COOLING
        for part in DATA_PARTS:
            side = self.sampler(self.known & (dealt % part == 0), scan)
            name = f"data-{part}"
            plan = Plan(MARKS[0] + cooling, cooling, seed=self.seed)
            found[name] = train(MiniConfig(), plan, side, self.out / f"{name}.pt", self.cache)
        return found

    def baselines(self) -> dict[str, nn.Module]:
        """Train what the network is compared with."""
        side = self.sampler(self.known)
        return {
            name: train_baseline(name, side, BASELINE_STEPS, self.seed, self.out / f"baseline-{name}.pt")
            for name in BASELINES
        }

    def windows_seen(self, name: str) -> int:
        """Windows that a training has seen."""
        return int(torch.load(self.out / f"{name}.pt", weights_only=True)["seen"])
