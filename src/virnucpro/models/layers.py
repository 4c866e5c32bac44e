"""Building blocks of every packed model: a base class, and layers that work in the number format of their input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from virnucpro.models.accelerated import kernels
from virnucpro.models.pack import Pack
from virnucpro.models.prepacked import PrepackedGate, PrepackedLinear
from virnucpro.models.readout import DEFAULT_READOUT, Readout

__all__ = ["AnyLinear", "PackedModel", "gated_gelu", "linear", "linear_gelu", "linear_plus", "normalise", "token_table"]

AnyLinear: TypeAlias = nn.Linear | PrepackedLinear


class PackedModel(nn.Module):
    """A model that takes a pack and gives one vector per token."""

    embedding: nn.Embedding  # its token table
    layers: nn.ModuleList  # its blocks

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights, and of the computation by default."""
        dtype: torch.dtype = self.embedding.weight.dtype
        return dtype

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        device: torch.device = self.embedding.weight.device
        return device

    @property
    def width(self) -> int:
        """D, numbers per vector."""
        return self.embedding.embedding_dim

    def hidden_states(self, pack: Pack, dtype: torch.dtype | None) -> Iterator[Tensor]:
        """Give the token embeddings, then what every block makes of them: shape (N, D) each."""
        raise NotImplementedError

    def forward(self, pack: Pack, dtype: torch.dtype | None = None, readout: Readout = DEFAULT_READOUT) -> Tensor:
        """Encode a pack; hidden states of several layers lie side by side. No block behind the last of them runs."""
        wanted = readout.numbers(len(self.layers))
        states = zip(range(max(wanted) + 1), self.hidden_states(pack, dtype), strict=False)
        kept = {number: hidden_ND for number, hidden_ND in states if number in wanted}
        return torch.cat([kept[number] for number in wanted], dim=-1) if len(wanted) > 1 else kept[wanted[0]]


def token_table(rows: int, width: int) -> nn.Embedding:
    """Make a table of token embeddings, initialised as by torch, except on the device "meta".

    On "meta", drawing normal numbers would import torch's compiler, which takes a second.
    """
    weight = torch.empty(rows, width)
    return nn.Embedding(rows, width, _weight=weight if weight.is_meta else weight.normal_())


def linear(layer: AnyLinear, x: Tensor) -> Tensor:
    """Apply a linear layer in the number format of its input; no cast when the weights have it already."""
    if isinstance(layer, PrepackedLinear) and x.dtype == torch.bfloat16:
        return layer(x)  # type: ignore[no-any-return]
    bias = None if layer.bias is None else layer.bias.to(x.dtype)
    return F.linear(x, layer.weight.to(x.dtype), bias)


def linear_gelu(layer: AnyLinear, x: Tensor) -> Tensor:
    """Apply a linear layer and GELU, the one with erf, not tanh."""
    if isinstance(layer, PrepackedLinear) and x.dtype == torch.bfloat16:
        return layer.gelu(x)
    return F.gelu(linear(layer, x))


def linear_plus(layer: AnyLinear, x: Tensor, residual: Tensor) -> Tensor:
    """Apply a linear layer and add the residual; neither input is changed."""
    if isinstance(layer, PrepackedLinear) and x.dtype == torch.bfloat16:
        return layer.plus(x, residual)
    return linear(layer, x) + residual


def gated_gelu(layer: nn.Linear | PrepackedGate, x: Tensor) -> Tensor:
    """Apply a linear layer; GELU of its first half of rows gates the second half."""
    if isinstance(layer, PrepackedGate) and x.dtype == torch.bfloat16:
        return layer(x)  # type: ignore[no-any-return]
    both = F.linear(x, layer.weight.to(x.dtype))
    if found := kernels(both.device):
        gated: Tensor = found.gate(both)
        return gated
    first, second = both.chunk(2, dim=-1)
    return F.gelu(first) * second


def normalise(layer: nn.LayerNorm, x: Tensor) -> Tensor:
    """Apply a LayerNorm in the number format of its input; no cast when the weights have it already."""
    return F.layer_norm(x, layer.normalized_shape, layer.weight.to(x.dtype), layer.bias.to(x.dtype), layer.eps)
