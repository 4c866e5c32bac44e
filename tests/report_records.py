"""Called records in numbers, without sequences, for reports."""

import numpy as np

from virnucpro.records import Record
from virnucpro.scoring.calls import Calls
from virnucpro.scoring.regions import PROVIRUS, VIRUS, Regions
from virnucpro.scoring.windows import ScoredWindows, WindowScores
from virnucpro.sequences.windows import Windows
from virnucpro.writers.writer import CalledRecords

CLASSES = ("phage", "eukaryotic_virus", "bacteria")
WINDOW_BP = 1000


def records_in_numbers(ids, lengths, scores, proviruses=(), seed=0):
    """Records of these ids, lengths and scores (NaN: not scored); viral from 0.8 on. proviruses: (row, start, end)."""
    generator = np.random.default_rng(seed)
    lengths, scores = np.array(lengths, np.int64), np.array(scores, float)
    known = ~np.isnan(scores)
    n_windows = np.maximum(-(-lengths // WINDOW_BP), 1)
    owners = np.repeat(np.arange(len(lengths)), n_windows)
    firsts = np.cumsum(n_windows) - n_windows
    starts = (np.arange(len(owners)) - firsts[owners]) * WINDOW_BP
    ends = np.minimum(starts + WINDOW_BP, lengths[owners])
    own = np.clip(scores[owners] + generator.normal(0, 0.05, len(owners)), 0, 1)
    rows = np.flatnonzero(~np.isnan(own))
    call = np.where(~known, "not_scored", np.where(scores >= 0.8, "viral", "non-viral"))
    best = np.where(known, firsts, -1)
    nan = np.where(known, 0.0, np.nan)
    classes = np.full((len(lengths), len(CLASSES)), np.nan)
    classes[known] = np.stack((scores * 0.9, scores * 0.1, 1 - scores), axis=1)[known]
    calls = Calls(
        lengths, n_windows, n_windows * known, scores, nan + 0.8, scores - 0.8, nan + 0.01, call,
        np.where(known, "scored", "too_short"), best, classes,
    )  # fmt: skip
    scored = ScoredWindows(
        Windows(owners, starts // WINDOW_BP + 1, starts, ends), np.zeros(len(owners), np.uint8), rows,
        np.zeros(len(rows), np.uint8), np.zeros((len(rows), 2), np.float32), np.zeros(len(rows)),
        np.zeros((len(rows), len(CLASSES)), np.float32),
    )  # fmt: skip
    windows = WindowScores(own, own * np.nan, own >= 0.8)
    records = [Record(number, header, "") for number, header in enumerate(ids, start=1)]
    regions = _regions(calls, proviruses)
    warnings = ["near_threshold;mixed_windows" if id_.startswith("</") else None for id_ in ids]
    return CalledRecords(records, calls, scored, windows, regions, warnings)


def _regions(calls, proviruses):
    viral = [(row, 0, calls.lengths_bp[row], VIRUS) for row in np.flatnonzero(calls.call == "viral").tolist()]
    found = sorted([*viral, *((*one, PROVIRUS) for one in proviruses)])
    rows, starts, ends = (np.array([one[column] for one in found], np.int64) for column in range(3))
    kind = np.array([one[3] for one in found], "<U8")
    score = np.full(len(found), 0.9)
    classes = np.tile([0.8, 0.1, 0.1], (len(found), 1))
    return Regions(rows, starts, ends, (ends - starts) // WINDOW_BP, score, score * 0.1, kind, classes)
