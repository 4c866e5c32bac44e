"""Matrix products that are reproducible to the last bit, on any CPU, in any batch, with any number of threads.

Libraries add up a product in an order that depends on its shape, on the threads and on the CPU, and floating-point sums
depend on their order. Sums of whole numbers below 2**53 do not: float64 holds each of them exactly. So both factors are
cut into two digits, whole numbers small enough that all sums of their products stay below that bound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ExactLinear"]

Floats = NDArray[np.float64]


class ExactLinear:
    """A linear layer; `weight` has shape (outputs, inputs). Relative errors are below 1e-11."""

    def __init__(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self._bits = (53 - (weight.shape[1] + 1).bit_length()) // 2
        high, low, exponents = _digits(weight.astype(np.float64), self._bits)
        self._high, self._low, self._exponents = np.ascontiguousarray(high.T), np.ascontiguousarray(low.T), exponents
        self._bias = bias.astype(np.float64)

    def __call__(self, rows: NDArray[np.float32] | Floats) -> Floats:
        """Multiply rows, shape (n, inputs), and add the bias."""
        high, low, exponents = _digits(rows.astype(np.float64), self._bits)
        first = high @ self._high
        second = high @ self._low
        second += low @ self._high
        first += np.ldexp(second, -self._bits, out=second)
        scale = exponents[:, None] + self._exponents - 2 * self._bits
        product: Floats = np.ldexp(first, scale, out=first)
        return product + self._bias


def _digits(rows: Floats, bits: int) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Cut every number into two digits of so many bits; a row's exponent is that of its largest number."""
    exponents = np.frexp(np.abs(rows).max(axis=1, initial=0))[1]
    scaled = np.ldexp(rows, bits - exponents[:, None])
    high = np.rint(scaled)
    scaled -= high
    return high, np.rint(np.ldexp(scaled, bits, out=scaled), out=scaled), exponents
