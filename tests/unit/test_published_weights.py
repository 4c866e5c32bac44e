"""Known answers of the published weights; run with `-m weights` where the Hub's cache holds them."""

import json
import os
from pathlib import Path

import pytest
import torch

from tolerances import KNOWN_ANSWER, KNOWN_DNA_ANSWER
from virnucpro.features.vectors import read_dna_features
from virnucpro.models.catalog import CATALOG
from virnucpro.models.encoders import load_encoder
from virnucpro.models.hub import find_downloaded
from virnucpro.models.pack import Pack
from virnucpro.models.tokens import encode_protein
from virnucpro.sequences.reading import SequenceFile

pytestmark = pytest.mark.weights


@pytest.mark.parametrize("name", CATALOG)
def test_every_downloaded_model_has_the_shape_the_catalog_says(name):
    entry = CATALOG[name]
    if find_downloaded(entry) is None:
        pytest.skip(f"the weights of {name} are not on this machine")
    encoder = load_encoder(name, "cpu", "bf16")
    assert (encoder.model.config.layers, encoder.width) == (entry.layers, entry.width)


def test_esm2_8m():
    """transformers' own integration test of this model."""
    if find_downloaded(CATALOG["esm2-8m"]) is None:
        pytest.skip("the weights of esm2-8m are not on this machine")
    encoder = load_encoder("esm2-8m", "cpu", "fp32")
    with torch.inference_mode():
        hidden = encoder.model(Pack.of([encode_protein(b"GLDALQITV")]))
    expected = [[0.1444, 0.5413, 0.3248], [0.3034, 0.0053, 0.3108], [0.3228, -0.2499, 0.3415]]
    assert (hidden[:3, :3] - torch.tensor(expected)).abs().max() <= KNOWN_ANSWER


@pytest.fixture
def dnabert_s():
    """From the cache, or from the folder that VIRNUCPRO_DNABERT_S names."""
    folder = os.environ.get("VIRNUCPRO_DNABERT_S")
    if folder is None and find_downloaded(CATALOG["dnabert-s"]) is None:
        pytest.skip("the weights of dnabert-s are not on this machine")
    return load_encoder(folder or "dnabert-s", "cpu", "fp32")


@pytest.fixture
def oracles():
    if "VIRNUCPRO_ORACLES" not in os.environ:
        pytest.skip("VIRNUCPRO_ORACLES names no folder with known answers")
    return Path(os.environ["VIRNUCPRO_ORACLES"])


@pytest.mark.parametrize(
    ("number", "sequence"), [(0, "ACGTNACGTNACGTN"), (1, "AAAACCCCGGGGTTTTACGTNACGTNNNNACGTTGCAACGTACGT")]
)
def test_dnabert_s_cls_row(dnabert_s, oracles, number, sequence):
    """The published code's own [CLS] row; the sequences are those whose sha256 the files hold."""
    expected = json.loads((oracles / "dnabert-s" / f"dnabert-s-input-{number}.json").read_text())["values"]
    with torch.inference_mode():
        hidden = dnabert_s.model(Pack.of([dnabert_s.tokenizer.encode(sequence)]))
    difference = (hidden[0] - torch.tensor(expected)).abs().max()
    print(f"input {number}: max_abs {difference:.1e}")
    assert difference <= KNOWN_DNA_ANSWER


def test_dnabert_s_vectors_of_a_real_run(dnabert_s, oracles):
    """Mean over all tokens, as the original VirNucPro wrote it."""
    folder = oracles / "virnucpro"
    expected = read_dna_features(folder / "output_1_DNABERT_S.pt")
    records = list(SequenceFile(folder / "test_with_orfs_identified_nucleotide.fa"))
    found = dnabert_s.embed(dnabert_s.tokenise([record.sequence for record in records], 1024).ragged)
    assert tuple(record.id for record in records) == expected.ids
    print(f"max_abs {abs(found - expected.vectors).max():.1e}")
    assert abs(found - expected.vectors).max() <= KNOWN_DNA_ANSWER
