"""Against the files of a real run of VirNucPro, where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from virnucpro import merge_data
from virnucpro.store.merged import read_merged

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
    assert {name: use.width for name, use in part.contract.parts.items()} == {"dna": 768, "protein": 2560}
    assert np.isfinite(part.table.vectors).all()
