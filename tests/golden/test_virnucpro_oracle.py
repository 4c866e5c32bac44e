"""Against the files of a real run of VirNucPro, where they are at hand."""

import io
import os
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import torch

from virnucpro import merge_data
from virnucpro.features.merged import read_merged
from virnucpro.features.published import import_classifier
from virnucpro.records import Record
from virnucpro.scoring.scores import ScoredFrame, ScoredWindow
from virnucpro.sequences.frames import FRAME_NAMES
from virnucpro.sequences.windows import Outcome
from virnucpro.writers.tables import FRAMES_HEADER, WINDOWS_HEADER, frame_lines, window_line

ORACLES = os.environ.get("VIRNUCPRO_ORACLES")

pytestmark = pytest.mark.skipif(
    ORACLES is None, reason="VIRNUCPRO_ORACLES does not name the folder of VirNucPro's golden files"
)


@pytest.mark.parametrize(("data_type", "labels"), [(None, None), ("host", [0]), ("viral", [1])])
def test_merging_reproduces_virnucpro_s_own_file(tmp_path, data_type, labels):
    golden = Path(ORACLES)
    out = tmp_path / "output_1_merged.pt"
    merge_data(golden / "output_1_DNABERT_S.pt", golden / "output_1_ESM.pt", out, data_type)
    ours, theirs = (torch.load(path, weights_only=True) for path in (out, golden / "output_1_merged.pt"))
    assert ours["ids"] == theirs["ids"]
    assert ours["data"].dtype == theirs["data"].dtype
    assert torch.equal(ours["data"], theirs["data"])
    assert ours.get("labels") == labels
    assert not (tmp_path / "extraction_failures.log").exists()


def test_virnucpro_s_merged_file_is_read(tmp_path):
    part = read_merged(Path(ORACLES) / "output_1_merged.pt")
    assert (part.label, part.table.width, len(part.table)) == (None, 3328, 4)
    assert {name: use.width for name, use in part.spec.parts.items()} == {"dna": 768, "protein": 2560}
    assert np.isfinite(part.table.vectors).all()


def rendered(rows):
    """Our two result files from (id, other, virus) rows, as `virnucpro predict` writes them."""
    frames, windows = io.BytesIO(FRAMES_HEADER), io.BytesIO(WINDOWS_HEADER)
    frames.seek(0, io.SEEK_END)
    windows.seek(0, io.SEEK_END)
    for window_id, group in groupby(rows, key=lambda row: row[0][:-2]):
        record_id, number = window_id.rsplit("_chunk_", 1)
        scored = tuple(ScoredFrame(FRAME_NAMES.index(id_[-2:]), other, virus) for id_, other, virus in group)
        window = ScoredWindow(1, int(number), 0, 1, Outcome.FRAMES, scored)
        record = Record(1, record_id, "")
        frames.write(frame_lines(record, window))
        windows.write(window_line(record, window))
    return frames.getvalue(), windows.getvalue()


def test_the_two_result_files_are_byte_equal_for_the_same_scores():
    golden = Path(ORACLES)
    lines = (golden / "prediction_results.txt").read_text().splitlines()[1:]
    rows = [
        (id_, np.float32(other), np.float32(virus)) for id_, _, other, virus in (line.split("\t") for line in lines)
    ]
    frames, windows = rendered(rows)
    assert frames == (golden / "prediction_results.txt").read_bytes()
    assert windows == (golden / "prediction_results_highestscore.csv").read_bytes()


PUBLISHED = """
import sys, torch
from torch import nn

class MLPClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden_layer = nn.Linear(3328, 512)
        self.bn1 = nn.BatchNorm1d(512)
        self.output_layer = nn.Linear(512, 2)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.output_layer(self.dropout(torch.relu(self.bn1(self.hidden_layer(x)))))

torch.manual_seed(5)
model = MLPClassifier()
model.bn1.running_mean.normal_()
model.bn1.running_var.uniform_(0.5, 2)
model.eval()
torch.save(model, sys.argv[1])
data = torch.load(sys.argv[2], weights_only=True)["data"]
with torch.no_grad():
    scores = torch.softmax(model.double()(data.double()), 1).float()
torch.save(scores, sys.argv[3])
"""


def test_an_imported_classifier_scores_the_golden_features_as_torch_does(tmp_path):
    """A module of the original's class layout, saved whole as it was published; its scores by torch itself, in float64."""
    golden = Path(ORACLES) / "output_1_merged.pt"
    module, expected = tmp_path / "500_model.pth", tmp_path / "scores.pt"
    subprocess.run([sys.executable, "-c", PUBLISHED, module, golden, expected], check=True)
    classifier = import_classifier(module, 500)
    table = read_merged(golden).table
    scores, by_torch = classifier.score(table.vectors), torch.load(expected, weights_only=True).numpy()
    rows = [list(zip(table.ids, s[:, 0], s[:, 1], strict=True)) for s in (scores, by_torch)]
    assert rendered(rows[0]) == rendered(rows[1])
