"""How often pairs of reads are called: ``python -m recipes.mini.pairs RUN``, by the network of RUN/split.pt.

Held-out windows of 500 bp serve as fragments. Prints, for each level, the share of phages, of viruses of eukaryotes and
of mixed hosts that is called viral: first mates alone, pairs from both ends, pairs that overlap, and equal mates.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.mini.__main__ import calibrate_on, evaluation_sets
from recipes.mini.calibration import HOST_MIX
from recipes.mini.data import CLASSES, VIRAL, load_records
from recipes.mini.scoring import score_windows, viral_scores
from recipes.mini.split import load_split
from recipes.mini.training import read_trained
from recipes.mini.windows import Evaluation
from virnucpro.models.mini import Mini
from virnucpro.scoring.calibration import LEVELS, Calibration
from virnucpro.scoring.rule import CallRule

READ_BP, FRAGMENT_BP = 150, 500
SECOND_MATES = {"pair, apart": 350, "pair, 100 bp in common": 50, "pair, equal": 0}
"""Where the second mate begins."""


def main(run: Path) -> None:
    """Print a table."""
    records = load_records(run, run / "cache")
    sets = evaluation_sets(records, load_split(records, run / "cache", 0), run / "cache")
    net = read_trained(run / "split.pt")
    calibration = Calibration.from_dict(calibrate_on(net, sets))
    shares = np.array([HOST_MIX.get(name, 0.0) for name in CLASSES])
    print("| side | reads | level | phages | viruses of eukaryotes | hosts |\n|---|---|---|---|---|---|")
    for side in ("family-test", "record-test"):
        found = sets[side, FRAGMENT_BP]
        first = log_odds(net, calibration, found, 0)
        ways = {"first mate": (first, 1)}
        for name, start in SECOND_MATES.items():
            ways[name] = ((first + log_odds(net, calibration, found, start)) / 2, 2)
        for name, (means, windows) in ways.items():
            number, bp = np.full(len(means), windows), np.full(len(means), windows * READ_BP)
            for level in LEVELS:
                called = CallRule(calibration, level=level, paired=True).judge(means, number, bp).margin >= 0
                by_class = [called[~found.genes & (found.classes == kind)].mean() for kind in range(len(CLASSES))]
                hosts = np.nansum(np.array(by_class) * shares)
                cells = (*by_class[:VIRAL], hosts)
                print(f"| {side} | {name} | {level} | {' | '.join(f'{cell:.1%}' for cell in cells)} |", flush=True)


def log_odds(net: Mini, calibration: Calibration, found: Evaluation, start: int) -> NDArray[np.float64]:
    """Calibrated log-odds of a read that begins there in every fragment."""
    codes = np.ascontiguousarray(found.codes[:, start : start + READ_BP])
    lengths = np.full(len(codes), READ_BP)
    return calibration.window_log_odds(viral_scores(score_windows(net, codes, lengths)), lengths)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
