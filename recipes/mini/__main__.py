"""Makes `mini`: ``python -m recipes.mini --data FOLDER --out RUN``.

Every stage leaves a file in RUN and is skipped where the file is there; training goes on where its checkpoint ends.

1. Records as arrays, and the split (``RUN/cache``).
2. Training on the training side (``plateau.pt``), then with a falling rate (``split.pt``): the network whose figures
   are reported, and whose scores the calibration is fitted on.
3. Training on everything, from ``plateau.pt`` on (``all.pt``): the network that ships.
4. Baselines, calibration, figures, export (``RUN/mini``).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipes.mini.baseline import BASELINES, train_baseline
from recipes.mini.calibration import Scored, calibrate
from recipes.mini.card import write_card
from recipes.mini.data import CLASSES, VIRAL, Records, load_records
from recipes.mini.export import export
from recipes.mini.provirus import hide_proviruses
from recipes.mini.report import Sets, calls, figures, score_records
from recipes.mini.scoring import auroc, chosen, score_windows, viral_scores
from recipes.mini.split import SIDES, Split, load_split
from recipes.mini.training import Plan, train
from recipes.mini.windows import Evaluation, Sampler, evaluation_windows, known_kmers
from virnucpro.models.mini import Mini, MiniConfig

MIN_BP, WINDOW_BP = 100, 3000
WINDOW_LENGTHS = (100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000)
BASELINE_STEPS = 1200
RECORD_LENGTHS = (5000, 10_000)
REPORTED = (100, 150, 300, 500, 1000, 3000, 10_000)
PER_CLASS, MIN_PER_CLASS, PER_CLASS_BP = 600, 120, 900_000
"""Windows of each class, side and length: 600, or so few that they hold 0.9 million bases, but at least 120."""


def main() -> None:
    """Run all stages."""
    parser = argparse.ArgumentParser(prog="python -m recipes.mini", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with RECORDS.tsv and the files that it names")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--steps", type=int, default=14_000, help="steps on the training side before the rate falls")
    parser.add_argument("--cooling", type=int, default=2_500, help="steps there in which the rate falls to zero")
    parser.add_argument("--all-steps", type=int, default=6_000, help="further steps on everything, from the plateau on")
    parser.add_argument("--all-cooling", type=int, default=4_000, help="how many of these have a falling rate")
    parser.add_argument("--batch-bp", type=int, default=96_000, help="bases of a step")
    parser.add_argument("--seed", type=int, default=1, help="seed of weights, windows and errors")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    cache = args.out / "cache"
    records = load_records(args.data, cache)
    split = load_split(records, cache, 0)

    on_split, on_all = _train_stages(args, records, split, cache)
    sets = evaluation_sets(records, split, cache)
    calibration = calibrate_on(on_split, sets)
    report = _report(args, on_split, calibration, sets, records, split)
    facts = {"windows_trained": int(report["windows"]), "seed": args.seed, "data_sha256": records.digest}
    export(on_all, calibration, (MIN_BP, WINDOW_BP), facts, args.out / "mini")
    command = (
        f"python -m recipes.mini --data FOLDER --out RUN --steps {args.steps} --cooling {args.cooling} "
        f"--all-steps {args.all_steps} --all-cooling {args.all_cooling} --batch-bp {args.batch_bp} --seed {args.seed}"
    )
    write_card(args.out / "mini", report, records, split, command)


def _train_stages(args: argparse.Namespace, records: Records, split: Split, cache: Path) -> tuple[Mini, Mini]:
    """Two networks: of the training side, and of everything."""
    everything = np.ones(len(records), bool)
    side = Sampler(records, split.groups, split.sides == 0, args.batch_bp, args.seed)
    plateau = args.out / "plateau.pt"
    train(MiniConfig(), Plan(args.steps, 0, seed=args.seed), side, plateau, cache)
    plan = Plan(args.steps + args.cooling, args.cooling, seed=args.seed)
    on_split = train(MiniConfig(), plan, side, args.out / "split.pt", cache, plateau)
    hidden = hide_proviruses(on_split, records, cache)
    whole = Sampler(records, split.groups, everything, args.batch_bp, args.seed, hidden)
    plan = Plan(args.steps + args.all_steps, args.all_cooling, seed=args.seed)
    return on_split, train(MiniConfig(), plan, whole, args.out / "all.pt", cache, plateau)


def evaluation_sets(records: Records, split: Split, cache: Path) -> Sets:
    """Windows of all held-out sides and lengths, cut once."""
    path = cache / f"windows-{records.digest[:12]}.npz"
    lengths = (*WINDOW_LENGTHS, *RECORD_LENGTHS)
    keys = [(side, length) for side in range(len(SIDES)) for length in lengths if side or length == 1000]
    names = ("codes", "classes", "groups", "genes", "starts")
    if not path.exists():
        known = known_kmers(records, split, cache)
        sizes = {length: int(np.clip(PER_CLASS_BP // length, MIN_PER_CLASS, PER_CLASS)) for length in lengths}
        made = {key: evaluation_windows(records, split, *key, sizes[key[1]], known, 1) for key in keys}
        np.savez(path, **{f"{s}-{bp}-{name}": getattr(made[s, bp], name) for s, bp in keys for name in names})
    found = np.load(path)
    return {(SIDES[s], bp): Evaluation(**{n: found[f"{s}-{bp}-{n}"] for n in names}) for s, bp in keys}


def calibrate_on(net: Mini, sets: Sets, side: str = "family-validation") -> dict[str, Any]:
    """Fit curves and thresholds on genomes of families that training did not see."""
    windows, longer = [], []
    for length in (*WINDOW_LENGTHS, *RECORD_LENGTHS):
        found = sets[side, length]
        whole = ~found.genes
        scored = Scored(length, score_records(net, found, WINDOW_BP)[whole], found.classes[whole])
        if length <= WINDOW_BP:
            windows.append(scored)
        else:
            longer.append(scored)
    return calibrate(windows, longer)


def _report(
    args: argparse.Namespace, net: Mini, calibration: dict[str, Any], sets: Sets, records: Records, split: Split
) -> dict[str, Any]:
    """All figures of the test sides, kept in RUN/report.json."""
    path = args.out / "report.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    baselines = {}
    for name in BASELINES:
        sampler = Sampler(records, split.groups, split.sides == 0, args.batch_bp, args.seed)
        baselines[name] = train_baseline(name, sampler, BASELINE_STEPS, args.seed)
    test = {key: found for key, found in sets.items() if key[0].endswith("test") and key[1] in REPORTED}
    known = sets["train", 1000]
    z = viral_scores(score_windows(net, known.codes, known.lengths))
    report = {
        "figures": figures(net, baselines, test, WINDOW_BP),
        "calls": calls(net, calibration, test, WINDOW_BP),
        "training_side": {
            name: auroc(*(z[rows] for rows in chosen(known, name)))
            for name in ("phages against prokaryotes", "eukaryotic viruses against eukaryotes and bacteria")
        },
        "windows": torch.load(args.out / "all.pt", weights_only=True)["seen"],
        "split_windows": torch.load(args.out / "split.pt", weights_only=True)["seen"],
        "viral_classes": list(CLASSES[:VIRAL]),
    }
    path.write_text(json.dumps(report, indent=1))
    return report


if __name__ == "__main__":
    main()
