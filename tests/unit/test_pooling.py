"""Pooled vectors are those of float32, whatever number format the hidden states have."""

import numpy as np
import pytest
import torch

from tolerances import POOLING
from virnucpro import ConfigError
from virnucpro.models.pack import Pack
from virnucpro.models.pooling import ALL_TOKENS, RESIDUES, pool_tokens
from virnucpro.models.readout import Readout

LENGTHS = (3, 40, 40, 1026)
POOLED = {
    "mean": lambda states, used: states[used].mean(0),
    "max": lambda states, used: states[used].amax(0),
    "cls": lambda states, used: states[0],
    "none": lambda states, used: states[used],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("used", [RESIDUES, ALL_TOKENS])
@pytest.mark.parametrize("pool", list(POOLED))
def test_pools_are_those_of_float32(used, dtype, pool):
    pack = Pack.of([np.zeros(length, np.int64) for length in LENGTHS])
    hidden_ND = torch.randn(sum(LENGTHS), 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = pool_tokens(hidden_ND, pack, used, pool)
    expected = [POOLED[pool](states.float(), used) for states in hidden_ND.split(LENGTHS)]
    assert found.dtype == torch.float32
    assert (found - (torch.cat if pool == "none" else torch.stack)(expected)).abs().max() <= POOLING


def test_filler_of_one_token_has_no_residues():
    pack = Pack.of([np.zeros(length, np.int64) for length in (5, 1, 1)])
    hidden_ND = torch.randn(7, 8)
    assert pool_tokens(hidden_ND, pack, RESIDUES, "none").shape == (3, 8)
    assert torch.equal(pool_tokens(hidden_ND, pack, RESIDUES, "max")[0], hidden_ND[1:4].amax(0))


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (lambda: Readout(pool="median"), "pool is 'median'; choose mean, cls, max, none"),
        (lambda: Readout(()), "name at least one"),
        (lambda: Readout((1, 1)), "each only once"),
        (lambda: Readout.of([1.0], "mean"), "not whole numbers"),
        (lambda: Readout.of([-1], "max", per_residue=True), "nothing to pool by 'max'"),
        (lambda: Readout((7,)).numbers(6), "no layer 7: the model has layers 0 to 6"),
        (lambda: Readout((-8,)).numbers(6), "no layer -8"),
    ],
)
def test_choices_that_are_none(choice, told):
    with pytest.raises(ConfigError, match=told):
        choice()


def test_layers_count_from_either_end():
    assert Readout((-1, 0, -7, 6, 3)).numbers(6) == [6, 0, 0, 6, 3]
    assert Readout.of([-1], "mean", per_residue=True) == Readout(pool="none")
