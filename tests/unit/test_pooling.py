"""Means are those of float32, whatever number format the hidden states have."""

import numpy as np
import pytest
import torch

from tolerances import POOLING
from virnucpro.models.pack import Pack
from virnucpro.models.pooling import mean_over_residues, mean_over_tokens

LENGTHS = (3, 40, 40, 1026)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("pool", "used"), [(mean_over_residues, slice(1, -1)), (mean_over_tokens, slice(None))])
def test_means_are_those_of_float32(pool, used, dtype):
    pack = Pack.of([np.zeros(length, np.int64) for length in LENGTHS])
    hidden_ND = torch.randn(sum(LENGTHS), 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = pool(hidden_ND, pack)
    expected = torch.stack([states[used].float().mean(0) for states in hidden_ND.split(LENGTHS)])
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= POOLING
