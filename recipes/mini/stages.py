"""The trainings of the recipe, each with a file of its own: halves, teachers, plateau, split, everything, curves."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from recipes.mini.backend import Backend
from recipes.mini.baseline import BASELINES, train_baseline
from recipes.mini.data import Records
from recipes.mini.provirus import half_of, scan_hosts
from recipes.mini.split import Split
from recipes.mini.training import Plan, train
from recipes.mini.windows import HostScan, Sampler
from virnucpro.models.mini import Mini, MiniConfig

__all__ = ["Stages", "Steps"]

BASELINE_STEPS, BASELINE_BP = 1200, 96_000
TEACHERS = 3
MARKS = (8, 4, 2)
"""The plateau is left after one part in so many, for the learning curve."""
CURVE_COOLING = 10
"""A training of the curve has a falling rate for one step in so many."""
LESS_DATA = 4  # also in words, in curve.py
"""One teacher more is trained with one in so many groups of relatives, for the curve."""


@dataclass(frozen=True)
class Steps:
    """Lengths of the trainings, in batches."""

    half: int = 100  # each of the two networks that scan hosts
    teacher: int = 2000  # each of the teachers
    plateau: int = 5600  # on the training side, before the rate falls
    cooling: int = 1454  # after that, with a falling rate and with teachers
    everything: int = 4300  # on all records, from the plateau on, before the rate falls in as many steps as above

    @property
    def marks(self) -> list[int]:
        """Steps of the plateau after which a copy is kept."""
        return [self.plateau // part for part in MARKS]


@dataclass(frozen=True, eq=False)
class Stages:
    """One run of the recipe: what it trains on, and where it keeps what it made."""

    records: Records
    split: Split
    out: Path
    steps: Steps
    batch_bp: int
    seed: int
    backend: Backend

    @property
    def known(self) -> NDArray[np.bool_]:
        """Records of the training side."""
        return np.asarray(self.split.sides == 0)

    def sampler(self, kept: NDArray[np.bool_], scan: HostScan | None = None, seed: int = 0) -> Sampler:
        """Windows of some records."""
        return Sampler(self.records, self.split.groups, kept, self.batch_bp, self.seed + seed, scan)

    def train(
        self, name: str, plan: Plan, side: Sampler, start_from: Path | None = None, teachers: Sequence[Mini] = ()
    ) -> Mini:
        """Train, or go on with, the network of a name."""
        return train(MiniConfig(), plan, side, self.path(name), self.backend, start_from, teachers)

    def path(self, name: str) -> Path:
        """Checkpoint of a name."""
        return self.out / f"{name}.pt"

    def short(self, steps: int, seed: int = 0) -> Plan:
        """A whole training; the rate falls in the last quarter."""
        return Plan(steps, steps // 4, warmup=max(steps // 10, 1), seed=self.seed + seed)

    def scan(self) -> HostScan:
        """Train two networks of half of the hosts each, and scan the other half of each."""
        halves = []
        for half in (0, 1):
            side = self.sampler(self.known & half_of(self.records, self.split.groups, half))
            halves.append(self.train(f"half-{half}", self.short(self.steps.half), side))
        return scan_hosts(halves, self.records, self.split.groups, self.backend)

    def teachers(self, scan: HostScan) -> list[Mini]:
        """Train the teachers, which differ in their seeds."""
        sides = [self.sampler(self.known, scan, 1 + number) for number in range(TEACHERS)]
        plans = [self.short(self.steps.teacher, 1 + number) for number in range(TEACHERS)]
        pairs = enumerate(zip(plans, sides, strict=True))
        return [self.train(f"teacher-{number}", plan, side) for number, (plan, side) in pairs]

    def plateau(self, scan: HostScan) -> None:
        """Train on the training side at a constant rate, and keep copies at the marks."""
        side = self.sampler(self.known, scan)
        for mark in self.steps.marks:
            if not (kept := self.path(f"plateau-{mark}")).exists():
                self.train("plateau", Plan(mark, seed=self.seed), side)
                if (step := self._read("plateau")["step"]) != mark:
                    raise SystemExit(f"{self.path('plateau')} is at step {step}, past {mark}; use another --out")
                shutil.copyfile(self.path("plateau"), partial := kept.with_suffix(".partial"))
                partial.replace(kept)
        self.train("plateau", Plan(self.steps.plateau, seed=self.seed), side)

    def on_split(self, scan: HostScan, teachers: Sequence[Mini]) -> Mini:
        """End the training on the training side: the network whose figures are reported."""
        plan = Plan(self.steps.plateau + self.steps.cooling, self.steps.cooling, seed=self.seed)
        return self.train("split", plan, self.sampler(self.known, scan), self.path("plateau"), teachers)

    def on_everything(self, scan: HostScan, teachers: Sequence[Mini]) -> Mini:
        """Continue the plateau on all records, then end it: the network that ships."""
        side, steps = self.sampler(np.ones(len(self.records), bool), scan), self.steps
        end = steps.plateau + steps.everything
        self.train("everything", Plan(end, seed=self.seed), side, self.path("plateau"))
        plan = Plan(end + steps.cooling, steps.cooling, seed=self.seed)
        return self.train("all", plan, side, self.path("everything"), teachers)

    def curve(self, scan: HostScan, teachers: Sequence[Mini]) -> dict[str, Mini]:
        """Trainings that end at the marks, a teacher, and one that sees fewer groups, by name."""
        dealt = np.random.default_rng(self.seed).permutation(int(self.split.groups.max()) + 1)[self.split.groups]
        few = self.sampler(self.known & (dealt % LESS_DATA == 0), scan, 1)
        found = {"less-data": self.train("less-data", self.short(self.steps.teacher, 1), few), "teacher-0": teachers[0]}
        side = self.sampler(self.known, scan)
        for mark in self.steps.marks:
            cooling = mark // CURVE_COOLING
            plan = Plan(mark + cooling, cooling, seed=self.seed)
            found[f"curve-{mark}"] = self.train(f"curve-{mark}", plan, side, self.path(f"plateau-{mark}"), teachers)
        return found

    def baselines(self) -> dict[str, nn.Module]:
        """Train what the network is compared with."""
        side = Sampler(self.records, self.split.groups, self.known, BASELINE_BP, self.seed, evolved=False)
        return {
            name: train_baseline(name, side, BASELINE_STEPS, self.seed, self.path(f"baseline-{name}"))
            for name in BASELINES
        }

    def windows_seen(self, name: str) -> int:
        """Windows that a training has seen."""
        return int(self._read(name)["seen"])

    def _read(self, name: str) -> dict[str, Any]:
        return dict(torch.load(self.path(name), weights_only=True, map_location="cpu"))
