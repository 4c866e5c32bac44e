"""Filling a model: by several threads as by one, nothing held twice, and every number that does not fit is found."""

import math
import re
import weakref

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from published_layouts import write_bin, write_prefixed, write_sharded
from virnucpro import WeightsError
from virnucpro.models import pickles, weights
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.filling import NUMBERS_IN_CACHE, fill
from virnucpro.models.placement import choose_placement
from virnucpro.models.weights import MemoryTensors

WIDTH = 640  # a matrix is cast in more than one step


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def matrix(dtype=torch.bfloat16):
    """A linear layer that is to be filled, and what fills it."""
    assert NUMBERS_IN_CACHE < WIDTH * WIDTH
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH, bias=False)).to(dtype)
    return model, torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(0))


def filled(model, published, convert=lambda module: module):
    fill(model, "given", MemoryTensors({"w": published}), {"w": "0.weight"}, convert)
    return model[0]


@pytest.mark.parametrize("row", [0, WIDTH - 1])
def test_a_number_that_does_not_fit_is_found_anywhere(row):
    model, published = matrix(torch.float16)
    published[row, 1] = 65519.0  # is rounded to the largest number of float16
    assert filled(model, published).weight.isfinite().all()
    published[row, 1] = -65520.0
    with pytest.raises(
        WeightsError, match=r"given: w holds numbers that fp16 cannot, up to 6\.552e\+04; load it in bf16"
    ):
        filled(model, published)


FORMATS = (torch.float32, torch.bfloat16, torch.float16)


@pytest.mark.parametrize("row", [0, WIDTH - 1])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("dtype", [*FORMATS, torch.float64, torch.float8_e5m2])
def test_weights_that_are_not_finite_are_refused(dtype, to, number, row):
    model, published = matrix(to)
    published[row, 1] = number
    with pytest.raises(WeightsError, match="given: w holds numbers that are not finite"):
        filled(model, published.to(dtype))


def test_large_finite_weights_are_taken():
    """Their sum is infinite."""
    model, published = matrix(torch.float32)
    published[:] = 3e38
    assert filled(model, published).weight.isfinite().all()


@pytest.mark.parametrize("write", [write_prefixed, write_sharded, write_bin])
def test_the_file_of_weights_that_are_not_finite_is_named(tmp_path, write):
    """Where several files hold a model, it is the one to download again; what no model takes may be anything."""
    write(tmp_path / "model")
    checkpoint = open_checkpoint(tmp_path / "model")
    placement = choose_placement("cpu", "fp32")
    for change, refused in ((r"lm_head\.bias", False), (r"layer\.2\.output\.dense\.weight", True)):
        spoilt = [spoil(file, change) for file in checkpoint.source.files]
        ((file, name),) = filter(None, spoilt)
        if refused:
            with pytest.raises(WeightsError, match=re.escape(f"{file}: {name} holds numbers that are not finite")):
                checkpoint.load(placement)
        else:
            checkpoint.load(placement)


def spoil(file, pattern):
    """Put one NaN into the tensor of a file whose name ends so; None where there is none."""
    read, write = (load_file, save_file) if file.suffix == ".safetensors" else (torch.load, torch.save)
    tensors = read(file)
    for name, tensor in tensors.items():
        if re.search(f"{pattern}$", name):
            tensor.view(-1)[-1] = math.nan
            write(tensors, file)
            return file, name
    return None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_every_format_of_floating_point_numbers_is_taken(dtype):
    model, published = matrix()
    published = (published * 8).to(dtype)
    assert torch.equal(filled(model, published).weight, published.to(torch.bfloat16))


def test_threads_do_not_matter(tmp_path, threads):
    write_prefixed(tmp_path / "model")
    states = []
    for count in (1, 3):
        threads(count)
        states.append(open_checkpoint(tmp_path / "model").load(choose_placement("cpu", "bf16")).state_dict())
        assert torch.get_num_threads() == count
    assert all(torch.equal(one, other) for one, other in zip(*map(dict.values, states), strict=True))


def test_plain_layers_go_one_by_one(tmp_path, threads):
    """A layer that was converted is not held any more: that would be two copies of a model in memory."""
    write_prefixed(tmp_path / "model")
    threads(1)
    layers, alive = [], []

    def convert(module):
        layers.append(weakref.ref(module))
        alive.append(sum(layer() is not None for layer in layers))
        return nn.Identity()

    open_checkpoint(tmp_path / "model").load(choose_placement("cpu", "bf16"), convert)
    assert len(alive) > 12
    assert max(alive) <= 2


def test_a_tensor_under_two_names_is_compared_before_its_layer_is_converted(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "TENSORS_AT_A_TIME", 1)
    write_prefixed(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    tensors, name = load_file(path), "encoder.layer.1.output.dense.bias"
    tensors[name] = tensors[f"esm.{name}"].clone()
    save_file(tensors, path)
    checkpoint, placement = open_checkpoint(tmp_path / "model"), choose_placement("cpu", "fp32")
    checkpoint.load(placement, lambda _: nn.Identity())
    save_file(tensors | {name: torch.ones(64)}, path)
    with pytest.raises(WeightsError, match=r"two different tensors for layers\.1\.contract\.bias"):
        checkpoint.load(placement, lambda _: nn.Identity())


def test_a_pickled_file_is_checked_once(tmp_path, monkeypatch):
    """The check reads all of it, and it is opened again for every group of tensors."""
    monkeypatch.setattr(weights, "TENSORS_AT_A_TIME", 1)
    write_bin(tmp_path / "model")
    checked, check = [], pickles._check_sizes
    monkeypatch.setattr(pickles, "_check_sizes", lambda *given: [checked.append(given), check(*given)])
    open_checkpoint(tmp_path / "model").load(choose_placement("cpu", "fp32"))
    assert len(checked) == 1


@pytest.mark.parametrize("at", [0, 5, pickles.SEARCHED_BYTES - 4, pickles.SEARCHED_BYTES, 2 * pickles.SEARCHED_BYTES])
def test_a_needle_is_found_across_chunks(tmp_path, at):
    path = tmp_path / "x"
    path.write_bytes(b"." * at + b"needle" + b"." * 10)
    assert pickles._holds(path, b"needle")
    path.write_bytes(b"." * at + b"needl" + b"." * 10)
    assert not pickles._holds(path, b"needle")
