"""The network itself: what must not change its numbers, its compiled twin, and its file."""

import copy

import pytest
import torch

from mini_layout import CALIBRATION
from recipes.mini.dense import DenseBlocks
from recipes.mini.export import export
from recipes.mini.kernels import FastBlocks
from recipes.mini.network import MiniInTraining
from virnucpro.errors import ConfigError
from virnucpro.features.classifier import load_classifier
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.mini import Mini, MiniConfig, both_strands
from virnucpro.models.placement import choose_placement
from virnucpro.sequences.ragged import Ragged


def test_a_window_and_its_reverse_complement_have_one_score(net, windows):
    codes, lengths = windows
    turned = both_strands(codes, lengths)[len(codes) :].to(torch.uint8)
    assert not torch.equal(turned, codes)
    assert torch.equal(net(turned, lengths), net(codes, lengths))


def test_neighbours_and_padding_change_no_number(net, windows):
    codes, lengths = windows
    together = net(codes, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = net(codes[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-5)


def test_what_lies_behind_the_end_does_not_matter(net, windows):
    codes, lengths = windows
    noise = torch.where(torch.arange(500) < lengths[:, None], codes, 2).to(torch.uint8)
    assert torch.equal(net(noise, lengths), net(codes, lengths))


def test_the_compiled_blocks_have_the_values_and_gradients_of_plain_torch(net, windows, cache):
    plain, counts = net.blocks(*windows)
    weights = torch.randn_like(plain)
    wanted = torch.autograd.grad((plain * weights).sum(), [net.motifs, net.pairs, net.words])
    fast = FastBlocks(net, cache)
    blocks, fast_counts = fast(windows)
    torch.testing.assert_close(blocks, plain, rtol=0, atol=1e-5)
    assert torch.equal(fast_counts, counts)
    (blocks * weights).sum().backward()
    torch.testing.assert_close(net.motifs.grad, wanted[0], rtol=0, atol=1e-4)
    # The last row stands for what is unknown, and stays zero in training.
    torch.testing.assert_close(net.pairs.grad[:-1], wanted[1][:-1], rtol=0, atol=1e-5)
    torch.testing.assert_close(fast.grad[:-1], wanted[2][:-1], rtol=0, atol=1e-5)
    assert not net.pairs.grad[-1].any()


def test_dense_blocks_have_the_values_and_gradients_of_plain_torch(net, windows):
    plain, counts = net.blocks(*windows)
    weights = torch.randn_like(plain)
    wanted = torch.autograd.grad((plain * weights).sum(), [net.motifs, net.pairs, net.words])
    dense = DenseBlocks(net)
    blocks, dense_counts = dense(dense.look_up(*windows))
    torch.testing.assert_close(blocks, plain, rtol=0, atol=1e-5)
    assert torch.equal(dense_counts, counts)
    found = torch.autograd.grad((blocks * weights).sum(), [net.motifs, net.pairs, net.words])
    torch.testing.assert_close(found[0], wanted[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(found[1][:-1], wanted[1][:-1], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[2][:-1], wanted[2][:-1], rtol=0, atol=1e-5)


def test_positions_that_score_alike_share_a_gradient(net):
    codes, lengths = torch.zeros(1, 300, dtype=torch.uint8), torch.tensor([300])
    wanted = torch.autograd.grad(net.blocks(codes, lengths)[0].sum(), net.motifs)[0]
    dense = DenseBlocks(net)
    found = torch.autograd.grad(dense(dense.look_up(codes, lengths))[0].sum(), net.motifs)[0]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-2)  # sums of up to 1,000; float32
    assert wanted.abs().max() > 1


def test_both_kinds_of_blocks_change_words_alike(net, windows, cache):
    dense, fast = DenseBlocks(net), FastBlocks(copy.deepcopy(net), cache)
    weights = torch.randn_like(net.blocks(*windows)[0])
    for _ in range(2):
        for blocks, given in ((dense, dense.look_up(*windows)), (fast, windows)):
            (blocks(given)[0] * weights).sum().backward()
            blocks.step(0.1)
    torch.testing.assert_close(fast.words[:-1], net.words.detach()[:-1], rtol=0, atol=1e-5)


def test_the_merged_network_is_the_one_that_was_trained(windows):
    torch.manual_seed(0)
    net = MiniInTraining(MiniConfig(motifs=64, pair_width=16, word_width=16, hidden=16, features=16))
    dense = DenseBlocks(net)
    trained = net.pool(*dense(dense.look_up(*windows), net.motif_table()))
    torch.testing.assert_close(net.merged()(*windows), trained, rtol=0, atol=1e-5)


def test_only_rows_with_a_gradient_are_changed(net, windows, cache):
    fast = FastBlocks(net, cache)
    before = net.words.clone()
    fast(windows)[0].sum().backward()
    touched = fast.touched[: fast.listed].long()
    fast.step(0.1)
    changed = (net.words != before).any(1).nonzero().flatten()
    assert torch.equal(changed, touched.sort().values)
    assert not fast.grad.any()
    assert not fast.flags.any()


def test_an_exported_network_gives_the_same_features(windows, tmp_path):
    torch.manual_seed(3)
    net = Mini(MiniConfig(motifs=64, motif_codons=6, pair_width=16, word_width=16, hidden=16, features=16))
    loaded = export(net, CALIBRATION, (100, 1000), {"seed": 3}, tmp_path)
    assert loaded.config == net.config
    torch.testing.assert_close(loaded(*windows), net(*windows), rtol=0, atol=0.02)
    torch.testing.assert_close(loaded.head(net(*windows)), net.head(net(*windows)), rtol=0, atol=0.02)
    encoder = open_checkpoint(tmp_path).encoder(choose_placement("cpu", "fp32"))
    codes, lengths = windows
    rows = Ragged.of([row[:length].numpy() for row, length in zip(codes, lengths.tolist(), strict=True)])
    assert abs(encoder.embed(rows) - loaded(*windows).numpy()).max() <= 1e-5
    classifier = load_classifier(tmp_path / "classifier.safetensors")
    logits = loaded.head(loaded(*windows)).double()
    odds = logits[:, :2].logsumexp(1) - logits[:, 2:].logsumexp(1)
    assert abs(classifier.log_odds(encoder.embed(rows)) - odds.numpy()).max() <= 1e-4


def test_a_config_out_of_bounds_is_refused():
    with pytest.raises(ConfigError, match="motif_codons"):
        MiniConfig(motif_codons=3)
    assert Mini(MiniConfig(motifs=16, hidden=8, features=8)).config.min_bp == 24
