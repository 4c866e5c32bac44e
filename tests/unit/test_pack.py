import numpy as np
import torch

from virnucpro.models.pack import Pack, filler
from virnucpro.models.pooling import pool_tokens
from virnucpro.sequences.ragged import Ragged


def tokens_of(lengths):
    return [np.full(length, 5, np.int64) for length in lengths]


def filled(total, width):
    sequences = filler(Ragged.of(tokens_of([total])), width)
    assert (sequences.lengths[1:] == 1).all()
    return int(sequences.offsets[-1])


def test_filler_brings_every_batch_to_one_of_a_few_sizes():
    assert {filled(total, 1280) for total in range(1024, 2049)} == set(range(1024, 2049, 64))
    assert all(filled(total, 1280) - total < max(total / 16, 1) for total in range(1, 3000))
    assert {filled(total, 128) for total in range(1, 4097)} == set(range(512, 4097, 512))


def test_positions_begin_anew_with_every_sequence():
    assert Pack.of(tokens_of([3, 1, 1, 2])).positions_N.tolist() == [0, 1, 2, 0, 0, 0, 1]


def test_filler_is_nobodys_vector(monkeypatch, protein_encoder):
    encoder = protein_encoder
    seen = []
    of = Pack.of
    monkeypatch.setattr(Pack, "of", lambda tokens, device: seen.append(len(tokens.values)) or of(tokens, device))
    proteins = encoder.tokenise(["MKVLAAGIT" * count for count in (9, 5, 5, 2)], 1024).ragged
    vectors = encoder.embed(proteins)
    assert seen == [512] != [len(proteins.values)]
    assert vectors.shape == (4, encoder.width)

    pack = of(proteins)
    with torch.inference_mode():
        unfilled = pool_tokens(encoder.model(pack), pack, encoder.used).numpy()
    assert np.abs(vectors - unfilled).max() < 1e-5


def test_buckets_hold_every_token_once_and_at_most_as_much_padding():
    lengths = [300, 299, 160, 40, 39, 17, 1, 1, 120]
    pack = Pack.of(tokens_of(lengths))
    rows = [bucket.tokens_BL.flatten()[bucket.places_N] for bucket in pack.buckets]
    assert torch.cat(rows).tolist() == list(range(sum(lengths)))
    for bucket in pack.buckets:
        assert bucket.tokens_BL.shape[1] % 8 == 0
        assert bucket.is_token_BL.sum(1).min() > 0
        longest = int(bucket.is_token_BL.sum(1).max())
        assert len(bucket.tokens_BL) * longest <= 2 * len(bucket.places_N)


def test_a_bucket_holds_a_bounded_number_of_scores():
    pack = Pack.of(tokens_of([2048] * 9))
    assert [len(bucket.tokens_BL) for bucket in pack.buckets] == [4, 4, 1]
