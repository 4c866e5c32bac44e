"""Against the files of a real run of VirNucPro, where they are at hand."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from virnucpro import merge_data
from virnucpro.features.classifier import Classifier, ScoredRows
from virnucpro.features.merged import read_merged
from virnucpro.sequences.nucleotides import clean_sequences
from virnucpro.sequences.orfs import find_rows
from virnucpro.sequences.row_ids import row_ids
from virnucpro.sequences.windows import cut_windows
from virnucpro.verbs.encoders import ChosenEncoders
from virnucpro.verbs.window_rows import EmbeddedRows

ORACLES = os.environ.get("VIRNUCPRO_ORACLES")

RESULTS = ("prediction_results.txt", "prediction_results_highestscore.csv")

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


@pytest.fixture
def legacy_files(virnucpro, tmp_path, monkeypatch):
    """`predict --legacy-output` with an imported classifier, of the golden sequences; their features are the golden ones.

    Gives the bytes of the original's two result files; `scores` stand in for those of the classifier.
    """
    golden = Path(ORACLES)
    module = tmp_path / "500_model.pth"
    subprocess.run(
        [sys.executable, "-c", PUBLISHED, module, golden / "output_1_merged.pt", tmp_path / "scores.pt"], check=True
    )
    imported = tmp_path / "500_model.safetensors"
    assert virnucpro("import-classifier", module, "-o", imported, "--window", "500")[0] == 0
    table = read_merged(golden / "output_1_merged.pt").table
    number_of = {id_: number for number, id_ in enumerate(table.ids)}

    def golden_rows(given, settings, chosen, max_tokens, advance):
        sequences = clean_sequences([record.sequence for record in given.records])
        windows = settings.windows(given, sequences.lengths)
        rows = find_rows(cut_windows(sequences, windows), settings.rows, settings.translation_table)
        ids = row_ids([record.id for record in given.records], windows, rows)
        advance(given.part.letters)
        return EmbeddedRows(windows, rows, np.arange(len(ids)), table.vectors[[number_of[id_] for id_ in ids]], ())

    def run(*more, scores=None):
        with monkeypatch.context() as patched:
            patched.setattr("virnucpro.verbs.calling.embed_rows", golden_rows)
            patched.setattr(ChosenEncoders, "resolve", lambda self: self.identities)
            if scores is not None:
                order = {vector.tobytes(): number for number, vector in enumerate(table.vectors)}

                def given_scores(self, features):
                    own = scores[[order[vector.tobytes()] for vector in features]]
                    return ScoredRows(own, np.zeros(len(own)), np.empty((len(own), 0), np.float32))

                patched.setattr(Classifier, "score_rows", given_scores)
            out = tmp_path / "out"
            options = ("--classifier", imported, "--legacy-output", "--overwrite", *more)
            code, _, err = virnucpro("predict", golden / "test_with_orfs.fa", "-o", out, *options)
            assert code == 0, err
            return tuple((out / name).read_bytes() for name in RESULTS)

    return run


@pytest.mark.parametrize("part_windows", [1, 10])
def test_predict_gives_the_originals_two_result_files_byte_for_byte(legacy_files, part_windows):
    lines = (Path(ORACLES) / RESULTS[0]).read_text().splitlines()[1:]
    scores = np.array([line.split("\t")[2:] for line in lines], np.float32)
    found = legacy_files("--part-windows", part_windows, scores=scores)
    assert found == tuple((Path(ORACLES) / name).read_bytes() for name in RESULTS)


def test_an_imported_classifier_scores_the_golden_features_as_torch_does(legacy_files, tmp_path):
    """A module of the original's class layout, saved whole as it was published; its scores by torch itself, in float64."""
    by_torch = torch.load(tmp_path / "scores.pt", weights_only=True).numpy()
    assert legacy_files() == legacy_files(scores=by_torch)
