"""Linear layers whose weights lie as the CPU's matrix units read them, for encoders that never learn.

A plain layer lays out its weights again at every call, and hands its result to memory before a GELU or a residual is
computed from it. Here the layout is made once, and what follows the product is done on its float32 sums, before they
are rounded. On 1,024 tokens of the 650M shape that is 2,000 instead of 1,720 GFLOP/s.

References
----------
.. [1] oneDNN, ``dev_guide_matmul``: memory format ``any`` and post-ops. The operators are those that torch's own
   compiler writes into frozen models, ``torch/_inductor/fx_passes/mkldnn_fusion.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from virnucpro.models.placement import Placement

__all__ = ["GatedLinear", "PrepackedGate", "PrepackedLinear", "can_prepack", "prepack"]


class PrepackedLinear(nn.Module):
    """What a linear layer becomes; without gradients, on the CPU, in bfloat16."""

    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())
        self.packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach())

    @property
    def weight(self) -> Tensor:
        """The weights as a plain layer has them: shape (out_features, in_features), a copy."""
        plain: Tensor = self.packed.to_dense()
        return plain

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        return product

    def gelu(self, x: Tensor) -> Tensor:
        """Multiply and apply GELU (with erf) to the sums."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "gelu", [], "none")
        return product

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        """Multiply and add to the sums."""
        total: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, residual, self.packed, self.bias, "add")
        return total


class GatedLinear(nn.Linear):
    """Two linear layers in one, without biases: the first half of its rows is a gate, the second is gated."""


class PrepackedGate(nn.Module):
    """What a gated layer becomes: its gate behind GELU, times its values, both without an array of sums between."""

    def __init__(self, layer: GatedLinear) -> None:
        super().__init__()
        self.gate, self.value = (
            torch.ops.mkldnn._reorder_linear_weight(half.contiguous()) for half in layer.weight.detach().chunk(2)
        )

    @property
    def weight(self) -> Tensor:
        """The weights as a plain layer has them: gate above values, a copy."""
        return torch.cat((self.gate.to_dense(), self.value.to_dense()))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply twice."""
        gate = torch.ops.mkldnn._linear_pointwise(x, self.gate, None, "gelu", [], "none")
        gated: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, gate, self.value, None, "mul")
        return gated


def can_prepack(placement: Placement) -> bool:
    """Whether linear layers have a layout of their own here."""
    if placement.device.type != "cpu" or placement.dtype != torch.bfloat16:
        return False
    built: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def prepack(model: nn.Module) -> None:
    """Lay every linear layer of a model out for its CPU, one after the other: at no time are two copies of all held."""
    for name, child in model.named_children():
        if isinstance(child, GatedLinear):
            setattr(model, name, PrepackedGate(child))
        elif isinstance(child, nn.Linear):
            setattr(model, name, PrepackedLinear(child))
        else:
            prepack(child)
