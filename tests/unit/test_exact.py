"""Products that are the same to the last bit in any company."""

import numpy as np
import pytest

from virnucpro.models.exact import ExactLinear


@pytest.mark.parametrize("inputs", [1, 2, 258, 512, 3328, 4096])
def test_rows_do_not_depend_on_their_neighbours_or_on_threads(inputs):
    generator = np.random.default_rng(inputs)
    weight = (generator.normal(size=(70, inputs)) * 10.0 ** generator.integers(-6, 6, (70, 1))).astype(np.float32)
    rows = (generator.normal(size=(203, inputs)) * 10.0 ** generator.integers(-6, 6, (203, 1))).astype(np.float32)
    layer = ExactLinear(weight, np.zeros(70, np.float32))
    whole = layer(rows)
    for size in (1, 2, 7, 64, 101):
        parts = [layer(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(layer(rows[::-1])[::-1], whole)
    order = generator.permutation(inputs)
    assert np.array_equal(ExactLinear(weight[:, order], np.zeros(70, np.float32))(rows[:, order]), whole)


def test_it_is_the_product():
    generator = np.random.default_rng(0)
    weight, bias = (generator.normal(size=shape).astype(np.float32) for shape in ((512, 3328), 512))
    rows = generator.normal(size=(50, 3328)).astype(np.float32)
    rows[3], rows[4, ::2] = 0, 0
    rows[5] *= np.float32(1e-30)
    expected = rows.astype(np.float64) @ weight.T.astype(np.float64) + bias
    scale = np.abs(rows).max(axis=1, keepdims=True) * np.abs(weight).max(axis=1) * np.sqrt(3328) + np.abs(bias)
    assert (np.abs(ExactLinear(weight, bias)(rows) - expected) <= 1e-10 * scale).all()
