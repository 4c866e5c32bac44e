"""Encoders learn: gradients through work done in place are those of transformers, which does none."""

import pytest
import torch

from dna_layouts import write_dnabert_s
from published_layouts import TINY, transformers_model
from tolerances import GRADIENT_FP32
from virnucpro.models import esm2
from virnucpro.models.checkpoints import open_checkpoint, open_model_in_memory
from virnucpro.models.pack import Pack
from virnucpro.models.placement import choose_placement

LENGTHS = (300, 40, 40, 3)


def tokens():
    generator = torch.Generator().manual_seed(1)
    residues = [torch.randint(4, 24, (length,), generator=generator) for length in LENGTHS]
    return [torch.cat((torch.tensor([0]), letters, torch.tensor([2]))) for letters in residues]


def weigh(states):
    """A sum that no two numbers enter alike."""
    return (states * torch.linspace(0.5, 1.5, states.numel()).view_as(states)).sin().sum()


def assert_equal_gradients(found, expected):
    assert found.isfinite().all()
    assert (found - expected).abs().max() <= GRADIENT_FP32 * expected.abs().max()


@pytest.mark.parametrize("learning", [True, False])
def test_gradients_of_esm2_are_transformers_s(learning):
    theirs = transformers_model(TINY, add_pooling_layer=False)
    ours = open_model_in_memory(theirs).load(choose_placement("cpu", "fp32")).requires_grad_(True).train(learning)
    sequences = tokens()
    pack = Pack(torch.cat(sequences), tuple(len(sequence) for sequence in sequences))
    weigh(ours(pack)).backward()
    weigh(torch.cat([theirs(input_ids=s[None]).last_hidden_state[0] for s in sequences])).backward()
    assert_equal_gradients(ours.embedding.weight.grad, theirs.embeddings.word_embeddings.weight.grad)
    for mine, their in zip(ours.layers, theirs.encoder.layer, strict=True):
        attention = their.attention.self
        for part, name in enumerate(("query", "key", "value")):
            layer = getattr(attention, name)
            assert_equal_gradients(mine.query_key_value.weight.grad.chunk(3)[part], layer.weight.grad)
        assert_equal_gradients(mine.query_key_value.bias.grad.chunk(3)[2], attention.value.bias.grad)
        assert_equal_gradients(mine.expand.weight.grad, their.intermediate.dense.weight.grad)
        assert_equal_gradients(mine.contract.weight.grad, their.output.dense.weight.grad)


def test_every_parameter_of_dnabert_s_learns(tmp_path):
    write_dnabert_s(tmp_path / "model")
    model = open_checkpoint(tmp_path / "model").load(choose_placement("cpu", "fp32")).requires_grad_(True)
    sequences = tokens()
    weigh(model(Pack(torch.cat(sequences), tuple(len(sequence) for sequence in sequences)))).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_pieces_are_turned_as_the_whole(monkeypatch):
    """Without gradients a CPU turns so many tokens at a time; where it cuts changes nothing."""
    model = open_model_in_memory(transformers_model(TINY)).load(choose_placement("cpu", "fp32"))
    sequences = tokens()
    pack = Pack(torch.cat(sequences), tuple(len(sequence) for sequence in sequences))
    whole = model(pack)
    monkeypatch.setattr(esm2, "NUMBERS_IN_CACHE", 7 * 2 * model.width)
    with torch.inference_mode():
        assert torch.equal(model(pack), whole)
