"""Makes `mini`: ``python -m recipes.mini --data FOLDER --out RUN``.

Every stage leaves a file in RUN and is skipped where the file is there; training goes on where its checkpoint ends.

1. Records as arrays, and the split (``RUN/cache``).
2. Two small networks, each of half of the hosts, scan the other half for proviruses and traps.
3. Teachers: trainings of other seeds on the training side.
4. Training on the training side (``plateau.pt``), then with a falling rate and teachers (``split.pt``): the network
   whose figures are reported, and whose scores the calibration is fitted on.
5. Training on everything, from ``plateau.pt`` on, with the same end (``all.pt``): the network that ships.
6. Baselines, calibration, figures, export (``RUN/mini``).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipes.mini.backend import choose_backend
from recipes.mini.calibration import Scored, calibrate
from recipes.mini.card import write_card
from recipes.mini.curve import measure
from recipes.mini.data import Records, load_records
from recipes.mini.export import export
from recipes.mini.report import Sets, calls, figures, score_records
from recipes.mini.split import SIDES, Split, load_split
from recipes.mini.stages import Stages, Steps
from recipes.mini.windows import Evaluation, HostScan, evaluation_windows, known_kmers
from virnucpro.models.mini import Mini

MIN_BP, WINDOW_BP = 100, 3000
WINDOW_LENGTHS = (100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000)
RECORD_LENGTHS = (5000, 10_000)
REPORTED = (100, 150, 300, 500, 1000, 3000, 10_000)
PER_CLASS, MIN_PER_CLASS, PER_CLASS_BP = 600, 120, 900_000
"""Windows of each class, side and length: 600, or so few that they hold 0.9 million bases, but at least 120."""


def main() -> None:
    """Run all stages."""
    args = _arguments()
    torch.set_num_threads(1)
    cache = args.out / "cache"
    records = load_records(args.data, cache)
    split = load_split(records, cache, 0)
    steps = Steps(*(getattr(args, field.name) for field in fields(Steps)))
    backend = choose_backend(args.device, cache)
    print(f"device: {backend.device}")
    stages = Stages(records, split, args.out, steps, args.batch_bp, args.seed, backend)

    scan = stages.scan()
    teachers = stages.teachers(scan)
    stages.plateau(scan)
    on_split, on_all = stages.on_split(scan, teachers).cpu(), stages.on_everything(scan, teachers).cpu()
    curve = {name: net.cpu() for name, net in stages.curve(scan, teachers).items()}
    if args.only_train:
        return
    sets = evaluation_sets(records, split, cache)
    calibration = calibrate_on(on_split, sets)
    report = _report(stages, scan, curve | {"split": on_split}, calibration, sets)
    facts = {"windows_trained": int(report["windows"]), "seed": args.seed, "data_sha256": records.digest}
    export(on_all, calibration, (MIN_BP, WINDOW_BP), facts, args.out / "mini")
    chosen = " ".join(f"--{field.name.replace('_', '-')} {getattr(steps, field.name)}" for field in fields(Steps))
    command = f"python -m recipes.mini --data FOLDER --out RUN {chosen} --batch-bp {args.batch_bp} --seed {args.seed}"
    write_card(args.out / "mini", report, records, split, command)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m recipes.mini", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with RECORDS.tsv and the files that it names")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto (default)")
    parser.add_argument("--only-train", action="store_true", help="stop after the trainings")
    words = {
        "half": "steps of each of the two networks that scan hosts",
        "teacher": "steps of each teacher",
        "plateau": "steps on the training side before the rate falls",
        "cooling": "steps after that in which the rate falls to zero",
        "everything": "steps on all records, from the plateau on, before as many with a falling rate",
    }
    options = [(f"--{field.name.replace('_', '-')}", field.default, words[field.name]) for field in fields(Steps)]
    options += [("--batch-bp", 768_000, "bases of a step"), ("--seed", 1, "seed of weights, windows and errors")]
    for option, default, text in options:
        parser.add_argument(option, type=int, default=default, help=f"{text} (default: %(default)s)")
    return parser.parse_args()


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
    stages: Stages, scan: HostScan, nets: dict[str, Mini], calibration: dict[str, Any], sets: Sets
) -> dict[str, Any]:
    """All figures of the test sides and of the learning curve, kept in RUN/report.json."""
    path = stages.out / "report.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    baselines = stages.baselines()
    test = {key: found for key, found in sets.items() if key[0].endswith("test") and key[1] in REPORTED}
    report = {
        "figures": figures(nets["split"], baselines, test, WINDOW_BP),
        "calls": calls(nets["split"], calibration, test, WINDOW_BP),
        "curve": [
            {"name": name, "windows": stages.windows_seen(name), "figures": measure(net, sets)}
            for name, net in nets.items()
        ],
        "hidden_bp": int(scan.hidden.sum()),
        "traps": len(scan.trap_starts),
        "windows": stages.windows_seen("all"),
        "split_windows": stages.windows_seen("split"),
    }
    path.write_text(json.dumps(report, indent=1))
    return report


if __name__ == "__main__":
    main()
