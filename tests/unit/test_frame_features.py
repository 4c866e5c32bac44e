"""Rows of the rule `longest`: no protein is zeros, equal letters share a vector, lengths stand at the end."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from virnucpro.embedding.records import Limits
from virnucpro.verbs.frame_features import FrameEncoders, embed_frames, length_numbers
from virnucpro.verbs.framing import frame_parts

from tolerances import INVARIANCE_FP32
from virnucpro.models.dnabert_s_checkpoints import DnaEncoder
from virnucpro.records import Record

LIMITS = Limits(max_residues=300, max_tokens=400)


@pytest.fixture(scope="module")
def part():
    """A window of a read-through frame, ones with stops, one of stops alone, one of Ns."""
    generator = np.random.default_rng(8)
    random = ["".join(generator.choice(list("ACGT"), int(n))) for n in (700, 250, 40)]
    sequences = ["GCC" * 80, *random, "TAATTAGTTAACTAATTAGTTAAC" * 4, "N" * 50, random[1]]
    records = [Record(number, f"r{number}", sequence) for number, sequence in enumerate(sequences, start=1)]
    (part,) = frame_parts(iter(records), 300, rule="longest")
    return part


def embedded(part, protein_encoder, dna_encoder, asked=None):
    def note(encoder):
        embed = encoder.embed

        def noting(tokens, exact=False):
            asked.append(len(tokens))
            return embed(tokens, exact)

        return noting

    if asked is not None:
        dna_encoder = replace(dna_encoder)
        object.__setattr__(dna_encoder, "embed", note(dna_encoder))
    return embed_frames(part, FrameEncoders(dna_encoder, protein_encoder), LIMITS, lambda _: None)


def test_every_window_of_letters_has_a_row(part, protein_encoder, dna_encoder):
    features = embedded(part, protein_encoder, dna_encoder)
    rows_of_window = np.bincount([frame.window_row for frame in part.frames], minlength=len(part.windows))
    assert [window.outcome.word for window in part.windows if window.record_number == 6] == ["ambiguous"]
    assert all((rows_of_window > 0) == [window.outcome.word == "frames" for window in part.windows])
    assert features.failures == ()
    assert len(features.table) == len(part.frames)
    assert features.table.width == dna_encoder.width + protein_encoder.width + 2


def test_no_protein_is_zeros_and_every_other_row_has_its_own_vectors(part, protein_encoder, dna_encoder):
    table = embedded(part, protein_encoder, dna_encoder).table
    dna, protein = np.split(table.vectors[:, :-2], [dna_encoder.width], axis=1)
    empty = np.array([not frame.protein for frame in part.frames])
    assert 0 < empty.sum() < len(empty)
    assert (protein[empty] == 0).all()
    for row, frame in enumerate(part.frames):
        (alone,) = dna_encoder.embed(dna_encoder.tokenise([frame.nucleotides], 300).ragged)
        np.testing.assert_allclose(dna[row], alone, atol=INVARIANCE_FP32)
        if frame.protein:
            (alone,) = protein_encoder.embed(protein_encoder.tokenise([frame.protein], 300).ragged)
            np.testing.assert_allclose(protein[row], alone, atol=INVARIANCE_FP32)


def test_equal_letters_are_embedded_once(part, protein_encoder, dna_encoder):
    asked = []
    embedded(part, protein_encoder, dna_encoder, asked)
    assert sum(asked) == len({frame.nucleotides for frame in part.frames}) < len(part.frames)


def test_lengths_stand_at_the_end(part, protein_encoder, dna_encoder):
    lengths = embedded(part, protein_encoder, dna_encoder).table.vectors[:, -2:]
    for row, frame in enumerate(part.frames):
        window = part.windows[frame.window_row]
        bases = window.end - window.start
        assert lengths[row, 0] == np.float32(np.log2(bases / 500))
        assert lengths[row, 1] == np.float32(3 * len(frame.protein) / bases)
    assert length_numbers(np.array([500, 1000]), np.array([0, 333])).tolist() == [[0, 0], [1, np.float32(0.999)]]


def test_letters_that_do_not_fit_fail_with_all_of_their_frames_and_no_other(
    part, protein_encoder, dna_encoder, monkeypatch
):
    whole = embedded(part, protein_encoder, dna_encoder).table
    (letters, _), *_ = Counter(frame.nucleotides for frame in part.frames).most_common()
    bad = {len(dna_encoder.tokenise([letters], 300).ragged[0])}
    embed = DnaEncoder.embed

    def tight(self, tokens, exact=False):
        if bad & set(map(len, tokens)):
            raise torch.OutOfMemoryError("no room")
        return embed(self, tokens, exact)

    monkeypatch.setattr(DnaEncoder, "embed", tight)
    features = embedded(part, protein_encoder, dna_encoder)
    failed = {failure.number - 1 for failure in features.failures}
    assert len(failed) > 1
    assert {part.frames[row].id for row in failed} == {failure.id for failure in features.failures}
    assert set(range(len(part.frames))) - failed == set(features.frame_rows.tolist())
    np.testing.assert_allclose(features.table.vectors, whole.vectors[features.frame_rows], atol=INVARIANCE_FP32)
    assert all(failure.message.startswith("nucleotides: ") for failure in features.failures)


def test_without_any_protein_there_are_rows_all_the_same(protein_encoder, dna_encoder):
    (part,) = frame_parts(iter([Record(1, "stops", "TAGCTAACTAG" * 4)]), 300, rule="longest")
    features = embedded(part, protein_encoder, dna_encoder)
    assert features.table.ids == ("stops_chunk_1F1",)
    assert (features.table.vectors[0, dna_encoder.width : -2] == 0).all()
