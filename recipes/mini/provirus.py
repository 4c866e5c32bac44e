"""Proviruses in the genomes of prokaryotes, which carry the label of their host.

The network that was trained on the training side scores every genome in tiles. A provirus is tens of thousands of bases
long; ribosomal operons, the other places with high scores, are shorter: so only long runs of high tiles are hidden.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.mini.data import CLASSES, Records
from recipes.mini.kernels import FastBlocks
from recipes.mini.scoring import score_windows, viral_scores
from virnucpro.models.mini import Mini

__all__ = ["find_runs", "hide_proviruses"]

TILE_BP = 3000
RUN_TILES = 5
RUN_MEAN, TILE_LEAST = 1.5, 0.0
"""Mean log odds of a run of tiles, and what each hidden tile has at least."""


def find_runs(z: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tiles that lie in a run of `RUN_TILES` with a high mean, and are high themselves."""
    if len(z) < RUN_TILES:
        return np.zeros(len(z), bool)
    high = np.convolve(z, np.ones(RUN_TILES) / RUN_TILES, "valid") > RUN_MEAN
    covered = np.convolve(high, np.ones(RUN_TILES), "full") > 0
    return np.asarray(covered & (z > TILE_LEAST))


def hide_proviruses(net: Mini, records: Records, cache: Path) -> NDArray[np.bool_]:
    """Mark the bases of likely proviruses in genomes of bacteria and archaea."""
    path = cache / "proviruses.npy"
    if path.exists():
        return np.asarray(np.load(path, mmap_mode="r"))
    hosts = np.isin(records.classes, [CLASSES.index("bacteria"), CLASSES.index("archaea")]) & ~records.genes
    hidden = np.zeros(len(records.codes), bool)
    fast = FastBlocks(net, cache)
    for row in np.flatnonzero(hosts & (records.lengths >= RUN_TILES * TILE_BP)).tolist():
        tiles = int(records.lengths[row]) // TILE_BP
        codes = np.ascontiguousarray(records.sequence(row)[: tiles * TILE_BP].reshape(tiles, TILE_BP))
        z = viral_scores(score_windows(net, codes, np.full(tiles, TILE_BP), fast))
        for tile in np.flatnonzero(find_runs(z)).tolist():
            start = records.starts[row] + tile * TILE_BP
            hidden[start : start + TILE_BP] = True
    np.save(path, hidden)
    return hidden
