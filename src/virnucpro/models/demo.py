"""`demo`: a small ESM-2 with seeded random weights, for trying the software where there are no weights.

It is untrained: its vectors mean nothing, and whatever uses it says so.
"""

from __future__ import annotations

import math

import torch

from virnucpro.models.catalog import DEMO
from virnucpro.models.checkpoints import Checkpoint
from virnucpro.models.esm2 import ESM2, ESM2Config
from virnucpro.models.weights import MemoryTensors

__all__ = ["demo_checkpoint", "random_checkpoint"]

DEMO_CONFIG = ESM2Config(layers=4, width=128, heads=4, feed_forward=512)
DEMO_SEED = 650


def demo_checkpoint() -> Checkpoint:
    """Build `demo`.

    Returns
    -------
    Checkpoint
        128 wide, marked as untrained.
    """
    return random_checkpoint(DEMO_CONFIG, DEMO_SEED, DEMO)


def random_checkpoint(config: ESM2Config, seed: int, name: str) -> Checkpoint:
    """Draw weights of any shape, scaled so that a signal passes through every layer.

    Parameters
    ----------
    config : ESM2Config
        The shape.
    seed : int
        Of the generator.
    name : str
        What to call the result.

    Returns
    -------
    Checkpoint
        In memory, float32, marked as untrained.
    """
    with torch.device("meta"):
        shapes = {name: parameter.shape for name, parameter in ESM2(config).named_parameters()}
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for parameter, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        if len(shape) == 2:
            tensors[parameter] = values / math.sqrt(shape[1])
        else:
            tensors[parameter] = 0.1 * values + float(parameter.endswith("norm.weight"))
    return Checkpoint(config, MemoryTensors(tensors), name, untrained=True)
