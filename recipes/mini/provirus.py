"""Proviruses and traps in the genomes of prokaryotes, all of which carry the label of their host.

Two small networks see all viruses and half of the hosts each, and score the other half in tiles. A provirus is tens of
thousands of bases long, so only long runs of high tiles are taken for one; the other high tiles are traps, such as
ribosomal operons: conserved genes that look viral.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipes.mini.backend import Backend
from recipes.mini.data import Records
from recipes.mini.scoring import score_windows, viral_scores
from recipes.mini.windows import PROKARYOTES, TILE_BP, HostScan
from virnucpro.models.mini import Mini

__all__ = ["find_runs", "half_of", "scan_hosts"]

RUN_TILES = 7
RUN_MEAN, MIN_TILE = 1.5, 0.0
"""Mean log-odds of a run of tiles, and the minimum of each tile that is hidden."""
MIN_TRAP = 2.0
"""Minimum log-odds of a trap."""


def find_runs(z: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tiles that lie in a run of `RUN_TILES` with a high mean, and are high themselves."""
    if len(z) < RUN_TILES:
        return np.zeros(len(z), bool)
    high = np.convolve(z, np.ones(RUN_TILES) / RUN_TILES, "valid") > RUN_MEAN
    covered = np.convolve(high, np.ones(RUN_TILES), "full") > 0
    return np.asarray(covered & (z > MIN_TILE))


def is_host(records: Records) -> NDArray[np.bool_]:
    """Genomes and genes of bacteria and archaea."""
    return np.asarray(np.isin(records.classes, PROKARYOTES))


def half_of(records: Records, groups: NDArray[np.int64], half: int) -> NDArray[np.bool_]:
    """Every record but the hosts of the other half; relatives are in one half."""
    return np.asarray(~is_host(records) | (groups % 2 == half))


def scan_hosts(halves: Sequence[Mini], records: Records, groups: NDArray[np.int64], backend: Backend) -> HostScan:
    """Score every host genome by the network that did not train on it."""
    path = backend.cache / "host_scan.npz"
    if not path.exists():
        rows = np.flatnonzero(is_host(records) & ~records.genes & (records.lengths >= RUN_TILES * TILE_BP))
        tiles = records.lengths[rows] // TILE_BP
        owners = np.repeat(rows, tiles)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(tiles) - tiles, tiles)
        places = records.starts[owners] + TILE_BP * within
        z = np.zeros(len(owners))
        for half, net in enumerate(halves):
            for part in np.array_split(np.flatnonzero(groups[owners] % 2 != half), 20):
                codes = np.asarray(records.codes)[places[part][:, None] + np.arange(TILE_BP)]
                z[part] = viral_scores(score_windows(net, codes, np.full(len(part), TILE_BP), backend))
        runs = np.concatenate([np.zeros(0, bool), *(find_runs(z[owners == row]) for row in rows.tolist())])
        traps = ~runs & (z > MIN_TRAP)
        np.savez(path, hidden=places[runs], starts=places[traps], records=owners[traps])
    found = np.load(path)
    bases = np.zeros(len(records.codes), bool)
    bases[(found["hidden"][:, None] + np.arange(TILE_BP)).ravel()] = True
    return HostScan(bases, found["starts"], found["records"])
