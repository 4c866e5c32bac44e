"""mini as an encoder: base codes, batches, and files that do not fit."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mini_layout import write_mini
from virnucpro.errors import WeightsError
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.placement import choose_placement
from virnucpro.sequences.ragged import Ragged

BATCH = 1e-5
"""Between a row alone and in a batch: sums of floats in another order."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_mini(tmp_path_factory.mktemp("data") / "mini")


@pytest.fixture(scope="module")
def encoder(folder):
    return open_checkpoint(folder).encoder(choose_placement("cpu", "fp32"))


def test_tokens_are_base_codes_of_what_is_written(encoder):
    tokens = encoder.tokenise(["acgu RN-A", "", "ACGTACGT"], 6)
    assert [row.tolist() for row in (tokens.ragged[i] for i in range(3))] == [
        [0, 1, 2, 3, 4, 4],
        [],
        [0, 1, 2, 3, 0, 1],
    ]
    assert tokens.residues.tolist() == [6, 0, 6]
    assert tokens.truncated.tolist() == [True, False, True]
    assert tokens.replaced.tolist() == [2, 0, 0]


def test_a_row_does_not_depend_on_its_company(encoder):
    generator = np.random.default_rng(2)
    rows = [generator.integers(0, 5, length).astype(np.uint8) for length in (5, 24, 100, 333, 800)]
    together = encoder.embed(Ragged.of(rows))
    for row, vector in zip(rows, together, strict=True):
        assert abs(encoder.embed(Ragged.of([row])) - vector).max() <= BATCH


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda t, c: t.pop("out.bias"), "out.bias"),
        (lambda t, c: t.update(more=torch.zeros(1)), "more"),
        (lambda t, c: t.update({"out.bias": torch.zeros(3)}), r"out\.bias.*\(3,\) instead of \(24,\)"),
        (lambda t, c: t["out.bias"].fill_(torch.nan), "not finite"),
        (lambda t, c: c.update(hidden=10**9), "hidden of mini is 1000000000"),
        (lambda t, c: c.update(hidden=2**40), "hidden of mini"),
        (lambda t, c: c.update(hidden="many"), "hidden of mini"),
        (lambda t, c: c.pop("hidden"), "tensors do not fit"),
        (lambda t, c: c.update(layers=3), "describes no mini"),
    ],
)
def test_files_that_do_not_fit_are_refused(folder, tmp_path, damage, told):
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    damage(tensors, config)
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=told):
        open_checkpoint(tmp_path).encoder(choose_placement("cpu", "fp32"))


@pytest.mark.parametrize("strands", [2, 3, 100])
def test_strands_may_be_matched_together(encoder, monkeypatch, strands):
    generator = np.random.default_rng(3)
    rows = Ragged.of([generator.integers(0, 5, length).astype(np.uint8) for length in (24, 100, 333)])
    one_by_one = encoder.embed(rows)
    monkeypatch.setattr("virnucpro.models.mini._strands_at_once", lambda *_: strands)
    assert (encoder.embed(rows) == one_by_one).all()
