"""After training: export, calibrate on the validation side, measure on the test side, write the card."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from recipes.mini.baseline import COUNTED, score, trained_baseline
from recipes.mini.calibrating import (
    HELD,
    MAX_FALSE_POSITIVES,
    RECORDS_BP,
    WINDOWS_BP,
    Scored,
    evidence,
    fit_calibration,
    mean_by,
)
from recipes.mini.card import write_card
from recipes.mini.export import add_calibration, export
from recipes.mini.figures import measure_models
from recipes.mini.genomes import VIRAL_CLASSES, Genomes
from recipes.mini.halves import HALVES
from recipes.mini.network import Mini, Shape
from recipes.mini.samples import Sample, draw_sample
from recipes.mini.scoring import ExportedModel, WindowLogits
from recipes.mini.split import SIDES, Split
from recipes.mini.training import read_checkpoint
from virnucpro.models.classifier import MLP
from virnucpro.runs.files import whole_file
from virnucpro.scoring.calibration import LEVELS, Calibration

__all__ = ["PACKAGE", "REPORT", "REPORT_BP", "Finish", "finish"]

PACKAGE, UNTRAINED, REPORT = "mini", "untrained", "report.json"
REPORT_BP = (100, 150, 300, 500, 1000, 3000, 10_000)


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done after training.

    Attributes
    ----------
    window_bp : int
        Bases of a window where a user names none.
    sequences : int
        Of each class and length; of long ones fewer.
    draws : int
        Of the bootstrap.
    baseline_windows : int
        That the perceptron of a baseline is trained on.
    command, commit : str
        For the card: what made the weights.
    """

    window_bp: int
    sequences: int
    draws: int
    baseline_windows: int
    command: str
    commit: str

    def of_class(self, length_bp: int) -> int:
        """Sequences of a class at a length: up to 1,000 bp all, then fewer, as each has more windows."""
        return max(self.sequences if length_bp <= 1000 else 2000 * self.sequences // length_bp, 2)


def finish(out: Path, genomes: Genomes, split: Split, todo: Finish) -> dict[str, Any]:
    """Do all that follows a run's last step.

    Parameters
    ----------
    out : Path
        Folder of the run; gets ``mini``, as it goes into the package, and the report.
    genomes : Genomes
        All records, masked.
    split : Split
        Their sides.
    todo : Finish
        How.

    Returns
    -------
    dict
        The report.
    """
    saved = read_checkpoint(out)
    tokenizer = (out / "tokenizer.json").read_text()
    shape = Shape(**saved["shape"])
    trained = Mini(shape, saved["plan"]["seed"])
    trained.load_state_dict(saved["average"])
    training = {"recipe": "recipes/mini", "plan": saved["plan"], "commit": todo.commit}
    export(trained, tokenizer, out / PACKAGE, todo.window_bp, training)
    export(Mini(shape, saved["plan"]["seed"]), tokenizer, out / UNTRAINED, todo.window_bp, {"untrained": True})
    sampled = _Samples(genomes, split, todo)
    windows, records = sampled.scored(ExportedModel(out / PACKAGE))
    calibration = fit_calibration(windows, records)
    add_calibration(out / PACKAGE, calibration.to_dict())
    baselines = {
        name: trained_baseline(name, out, genomes, split, todo.baseline_windows, saved["plan"]["seed"])
        for name in COUNTED
    }
    models = {name: ExportedModel(out / name) for name in (PACKAGE, UNTRAINED)}
    report = {
        "data": json.loads((out / "data.json").read_text()),
        "plan": saved["plan"],
        "shape": saved["shape"],
        "parameters": _numbers(out / PACKAGE),
        "window_bp": todo.window_bp,
        "draws": todo.draws,
        "baseline_windows": todo.baseline_windows,
        "held": list(HELD),
        "max_false_positives": dict(MAX_FALSE_POSITIVES),
        "calibration": {"gamma": calibration.gamma, "thresholds": dict(calibration.thresholds)},
        "test": {
            str(bp): sampled.measured(bp, models, baselines, calibration) for bp in sampled.lengths("test", REPORT_BP)
        },
    }
    with whole_file(out / REPORT) as file:
        file.write((json.dumps(report, indent=1) + "\n").encode())
    write_card(out / PACKAGE, report, todo.command, todo.commit)
    return report


def _numbers(folder: Path) -> int:
    """Count the numbers of all weights in a folder."""
    return sum(tensor.numel() for path in folder.rglob("*.safetensors") for tensor in load_file(path).values())


@dataclass(frozen=True, eq=False)
class _Samples:
    """Sequences of both sides that training did not see."""

    genomes: Genomes
    split: Split
    todo: Finish

    def draw(self, side: str, length_bp: int) -> Sample:
        """The same sequences at every call."""
        count = self.todo.of_class(length_bp)
        return draw_sample(self.genomes, self.split, SIDES.index(side), length_bp, count)

    def lengths(self, side: str, wanted: Iterable[int]) -> list[int]:
        """The lengths at which a side has both viral and other records."""
        here = self.split.sides == SIDES.index(side)
        viral = self.genomes.classes < VIRAL_CLASSES
        longest = min(self.genomes.lengths[here & one].max(initial=0) for one in (viral, ~viral))
        return sorted(length for length in set(wanted) if length <= longest)

    def scored(self, model: ExportedModel) -> tuple[dict[int, Scored], dict[int, Scored]]:
        """Validation side: single windows of each length, and records in windows of the usual length."""
        windows, records = {}, {}
        for length in self.lengths("validation", (*WINDOWS_BP, *RECORDS_BP)):
            sample = self.draw("validation", length)
            if length in WINDOWS_BP:
                windows[length] = _scored(sample, model.logits(sample.sequences, length))
            if length in RECORDS_BP:
                single = length in windows and length <= self.todo.window_bp
                found = None if single else model.logits(sample.sequences, self.todo.window_bp)
                records[length] = windows[length] if found is None else _scored(sample, found)
        return windows, records

    def measured(
        self,
        length_bp: int,
        models: Mapping[str, ExportedModel],
        baselines: Mapping[str, MLP],
        calibration: Calibration,
    ) -> dict[str, Any]:
        """Test side: every model at one length, in the usual windows."""
        sample = self.draw("test", length_bp)
        found = {name: model.logits(sample.sequences, self.todo.window_bp) for name, model in models.items()}
        mini, untrained = found[PACKAGE], found[UNTRAINED]
        z = evidence(_scored(sample, mini), calibration.window, calibration.gamma)
        z = calibration.record.apply(z, length_bp)
        logits = {"mini": z}
        logits |= {f"{half} half": mean_by(mini.sequences, mini.logits[half]) for half in HALVES[1:]}
        logits["untrained"] = mean_by(untrained.sequences, untrained.logits["both"])
        for name, baseline in baselines.items():
            logits[name] = _baseline_logits(name, sample, baseline, self.todo.window_bp)
        facts = measure_models(sample, logits, {"mini": 1 / (1 + np.exp(-z))}, self.todo.draws)
        return {"groups": facts, "levels": _called(sample, z, calibration, length_bp)}


def _scored(sample: Sample, found: WindowLogits) -> Scored:
    return Scored(sample, found.sequences, found.lengths_bp, found.logits["both"])


@torch.inference_mode()
def _baseline_logits(counted: str, sample: Sample, baseline: MLP, window_bp: int) -> NDArray[np.float64]:
    """Counts see pieces of the length that they were trained on, end to end, and average."""
    pieces = [(start, row) for row, one in enumerate(sample.sequences) for start in range(0, len(one), window_bp)]
    texts = [sample.sequences[row][start : start + window_bp] for start, row in pieces]
    owners = np.array([row for _, row in pieces])
    return mean_by(owners, score(counted, baseline, texts))


def _called(
    sample: Sample, z: NDArray[np.float64], calibration: Calibration, length_bp: int
) -> dict[str, dict[str, float]]:
    """Share of each class that each level calls viral."""
    shares: dict[str, dict[str, float]] = {}
    for level in LEVELS:
        called = z >= calibration.threshold(level, length_bp)
        shares[level] = {
            name: round(float(called[sample.classes == kind].mean()), 4) for kind, name in sample.names.items()
        }
    return shares
