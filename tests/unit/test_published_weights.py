"""Known answers of the published weights; run with `-m weights` where the Hub's cache holds them."""

import pytest
import torch

from tolerances import KNOWN_ANSWER
from virnucpro.models.catalog import CATALOG
from virnucpro.models.encoders import load_encoder
from virnucpro.models.hub import find_downloaded
from virnucpro.models.pack import Pack
from virnucpro.models.tokens import encode_protein

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
