"""What becomes of a model's hidden states: which layers are read, and how one vector is made of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from virnucpro.errors import ConfigError

__all__ = ["DEFAULT_READOUT", "POOLS", "Pool", "Readout", "no_choice"]

Pool = Literal["mean", "cls", "max", "none"]
POOLS: Final[tuple[Pool, ...]] = get_args(Pool)


@dataclass(frozen=True, slots=True)
class Readout:
    """Layers are counted as in transformers: 0 is the token embeddings, k the output of block k, -1 the last one."""

    layers: tuple[int, ...] = (-1,)  # side by side in a vector, in this order
    pool: Pool = "mean"  # over the residues of a sequence; none gives one vector per residue

    def __post_init__(self) -> None:
        if self.pool not in POOLS:
            raise ConfigError(f"pool is {self.pool!r:.100}; choose {', '.join(POOLS)}")
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise ConfigError(f"layers are {list(self.layers)!r:.100}; name at least one, and each only once")

    @classmethod
    def of(cls, layers: Sequence[int], pool: Pool, per_residue: bool = False) -> Readout:
        """Read the choices of a user; `per_residue` is another word for no pooling."""
        if not all(isinstance(layer, int) and not isinstance(layer, bool) for layer in layers):
            raise ConfigError(f"layers are {list(layers)!r:.100}, not whole numbers such as -1, the last one")
        if per_residue and pool not in ("mean", "none"):
            raise ConfigError(f"per_residue gives every residue a vector, so there is nothing to pool by {pool!r}")
        return cls(tuple(layers), "none" if per_residue else pool)

    def numbers(self, blocks: int) -> list[int]:
        """Number layers from 0 in a model of so many blocks."""
        wrong = [layer for layer in self.layers if not -blocks - 1 <= layer <= blocks]
        if wrong:
            raise ConfigError(f"there is no layer {wrong[0]}: the model has layers 0 to {blocks}, and -1 is the last")
        return [layer % (blocks + 1) for layer in self.layers]


DEFAULT_READOUT: Final = Readout()
"""What feature files of the original hold, and classifiers take."""


def no_choice(model: str) -> ConfigError:
    """Say that a model makes one vector of a sequence as a whole."""
    return ConfigError(
        f"{model} makes one vector of a whole sequence: layers, pool and per_residue cannot be chosen; use a model "
        "such as dnabert-s"
    )
