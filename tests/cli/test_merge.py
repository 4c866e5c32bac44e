"""`virnucpro merge`: from two feature files to what `train` reads."""

import numpy as np
import pytest
import torch

from feature_parts import write_dna, write_extraction_manifest, write_proteins
from virnucpro.records import ModelIdentity, Molecule


def vectors(ids, width):
    return [(id_, np.full(width, number, np.float32)) for number, id_ in enumerate(ids)]


@pytest.fixture
def files(tmp_path):
    return (
        write_dna(tmp_path / "x_DNABERT_S.pt", vectors("abc", 768)),
        write_proteins(tmp_path / "x_ESM.pt", vectors("abd", 20)),
    )


def test_rows_meet_and_what_is_left_out_is_told(virnucpro, tmp_path, files):
    out = tmp_path / "viral" / "x_merged.pt"
    code, stdout, err = virnucpro("merge", *files, "-o", out, "--label", "viral")
    assert (code, stdout) == (5, "")
    assert "rows: 4 read, 2 written, 2 left out" in err
    assert "2 IDs are only in one file" in err
    content = torch.load(out, weights_only=True)
    assert (content["ids"], content["labels"], content["data"].shape) == (["a", "b"], [1], (2, 788))
    assert "already finished, skipped" in virnucpro("merge", *files, "-o", out, "--label", "viral")[2]
    code, _, err = virnucpro("merge", *files, "-o", out, "--label", "non-viral")
    assert code == 4
    assert "labels: viral then, non-viral now" in err
    assert virnucpro("merge", *files, "-o", out, "--label", "non-viral", "--overwrite", "-q")[0] == 5
    assert torch.load(out, weights_only=True)["labels"] == [0]


def test_dna_alone_makes_rows_too(virnucpro, tmp_path):
    dna = write_dna(tmp_path / "x_MINI.pt", vectors("ab", 24))
    write_extraction_manifest(dna, ModelIdentity("mini", None, "1" * 64, molecule=Molecule.DNA))
    out = tmp_path / "x_merged.pt"
    code, _, err = virnucpro("merge", dna, "-o", out)
    assert code == 0, err
    content = torch.load(out, weights_only=True)
    assert (content["ids"], "labels" in content, content["data"].shape) == (["a", "b"], False, (2, 24))


def test_what_is_refused(virnucpro, tmp_path, files):
    code, _, err = virnucpro("merge", *files, "-o", tmp_path / "merged.pt")
    assert code == 2
    assert "names end in _merged.pt" in err
    before = files[1].read_bytes()
    twin = files[1].rename(tmp_path / "x_merged.pt")
    code, _, err = virnucpro("merge", files[0], twin, "-o", twin, "--overwrite")
    assert code == 2
    assert "would be overwritten" in err
    assert twin.read_bytes() == before
    write_extraction_manifest(files[0], ModelIdentity("d", None, "1" * 64, molecule=Molecule.DNA), pool="max")
    code, _, err = virnucpro("merge", files[0], twin, "-o", tmp_path / "y_merged.pt")
    assert code == 2
    assert "was embedded with pool max, and classifiers take pool mean" in err
    assert virnucpro("merge", tmp_path / "absent.pt", "-o", tmp_path / "y_merged.pt")[0] == 3
