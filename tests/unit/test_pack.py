import numpy as np
import torch

from virnucpro.models.pack import Pack, filler


def tokens_of(lengths):
    return [np.full(length, 5, np.int64) for length in lengths]


def test_filler_brings_every_batch_to_one_of_sixteen_sizes_an_octave():
    sizes = {total + filler(tokens_of([total])).size for total in range(1024, 2049)}
    assert sizes == set(range(1024, 2049, 64))
    for total in range(1, 3000):
        assert filler(tokens_of([total])).size < max(total / 16, 1)


def test_filler_is_nobodys_vector(monkeypatch, protein_encoder):
    encoder = protein_encoder
    seen = []
    of = Pack.of
    monkeypatch.setattr(Pack, "of", lambda tokens, device: seen.append(sum(map(len, tokens))) or of(tokens, device))
    proteins = [encoder.prepare("MKVLAAGIT" * count, 1024).tokens for count in (9, 5, 5, 2)]
    vectors = encoder.embed(proteins)
    assert seen == [200] != [sum(map(len, proteins))]
    assert vectors.shape == (4, encoder.width)

    pack = of(proteins)
    with torch.inference_mode():
        unfilled = encoder.pool(encoder.model(pack), pack).numpy()
    assert np.abs(vectors - unfilled).max() < 1e-5
