"""Whether linear layers in int8 would pay on a CPU: ``python -m benchmarks.int8 [sequences] [pairs]``.

The 650M shape with seeded random weights of two scales. Weights are rounded to int8 by output channel, activations by
token, and oneDNN multiplies them; attention, norms and residuals stay in bfloat16. Speed is that of `run_batches` on
proteins of proteome lengths, in alternation with bfloat16; the cosine is that of each residue's last hidden state with
float32. int8 is worth having if it is 1.3 times as fast with a mean cosine of at least 0.999 and none below 0.995.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from benchmarks.workloads import ESM2_SHAPE, lengths
from virnucpro.batching import plan_batches
from virnucpro.embedding.batches import run_batches
from virnucpro.models.encoders import for_inference
from virnucpro.models.esm2 import ESM2, ESM2Config
from virnucpro.models.esm2_checkpoints import ESM2Checkpoint, ProteinEncoder
from virnucpro.models.pack import Pack
from virnucpro.models.placement import choose_placement
from virnucpro.models.prepacked import PrepackedLinear
from virnucpro.models.weights import MemoryTensors
from virnucpro.records import ModelIdentity
from virnucpro.sequences.ragged import Ragged

MAX_TOKENS, MIDDLE = 1024, 128
SCALES = {"std 0.02": 0.02, "std 1 / sqrt(inputs)": None}


class Int8Linear(PrepackedLinear):
    """A linear layer whose inputs and weights are rounded to 8 bits."""

    def __init__(self, layer: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.register_buffer("bias", layer.bias.detach().float())
        wide = layer.weight.detach().float()
        self.scale_N = wide.abs().amax(1) / 127
        rounded = (wide / self.scale_N[:, None]).round().to(torch.int8)
        self.packed = torch.ops.onednn.qlinear_prepack(rounded, [MAX_TOKENS, self.in_features])
        self.middle = torch.tensor([MIDDLE + 0.5])
        self.no_offset_N = torch.zeros(self.out_features, dtype=torch.int64)

    def product(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply; what is left to do is to multiply each row by its scale."""
        scale_M1 = x.abs().amax(1, keepdim=True).float().div_(127).clamp_(min=1e-30)
        codes = torch.addcmul(self.middle, x, scale_M1.reciprocal()).to(torch.uint8)  # VNNI takes no signed inputs
        sums: Tensor = torch.ops.onednn.qlinear_pointwise(
            codes, 1.0, MIDDLE, self.packed, self.scale_N, self.no_offset_N, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return sums, scale_M1

    def forward(self, x: Tensor) -> Tensor:
        sums, scale_M1 = self.product(x)
        return torch.addcmul(self.bias, sums, scale_M1, out=sums).bfloat16()

    def gelu(self, x: Tensor) -> Tensor:
        return gelu(self(x))

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        sums, scale_M1 = self.product(x)
        return sums.mul_(scale_M1).add_(self.bias).add_(residual).bfloat16()


def weights(std: float | None) -> MemoryTensors:
    """Seeded tensors of an ESM-2 under its own names."""
    generator, drawn = torch.Generator().manual_seed(0), {}
    with torch.device("meta"):
        model = ESM2(config())
    for name, meta in model.state_dict().items():
        if name == "inverse_frequencies":
            continue
        tensor = torch.randn(meta.shape, generator=generator)
        if meta.dim() == 2:
            tensor *= std or 1 / math.sqrt(meta.shape[1])
        else:
            tensor = tensor.mul_(0.2).add_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
        drawn[name] = tensor
    return MemoryTensors(drawn)


def config() -> ESM2Config:
    """The 650M shape."""
    shape = ESM2_SHAPE
    return ESM2Config(
        shape["num_hidden_layers"], shape["hidden_size"], shape["num_attention_heads"], shape["intermediate_size"]
    )


def seconds(encoder: ProteinEncoder, tokens: Ragged) -> float:
    """Processor time of all batches, which other work on the machine changes least."""
    started = time.process_time()
    for _ in run_batches(encoder, tokens, plan_batches(tokens.lengths, MAX_TOKENS), MAX_TOKENS):
        pass
    return time.process_time() - started


def compare(name: str, std: float | None, tokens: Ragged, pairs: int) -> None:
    """Print speed and cosines of one scale of weights."""
    checkpoint = ESM2Checkpoint(weights(std), name, config=config())
    half, single = choose_placement("cpu", "bf16"), choose_placement("cpu", "fp32")
    identity = ModelIdentity(name, None, "")
    with torch.inference_mode():
        few = Pack.of([tokens[row] for row in range(3)])
        exact = checkpoint.load(single)(few).float()
        models: dict[str, Any] = {"bf16": for_inference(checkpoint, half)}
        models["int8"] = checkpoint.load(half, lambda m: Int8Linear(m) if isinstance(m, nn.Linear) else m)
        for kind, model in models.items():
            cosine = torch.cosine_similarity(model(few).float(), exact)
            print(f"{name}, {kind}: cosine mean {cosine.mean():.6f}, least {cosine.min():.6f} of {len(cosine)}")
    encoders = {kind: ProteinEncoder(model, identity, half) for kind, model in models.items()}
    ratios = []
    for _ in range(pairs):
        bf16, int8 = (seconds(encoder, tokens) for encoder in encoders.values())
        paces = [len(tokens.values) / taken for taken in (bf16, int8)]
        print(f"{name}: bf16 {paces[0]:.0f}, int8 {paces[1]:.0f} tokens per second of a core", flush=True)
        ratios.append(bf16 / int8)
    print(f"{name}: int8 {statistics.median(ratios):.2f} times as fast as bf16 (each pair: {np.round(ratios, 2)})")


def main() -> None:
    """Compare both scales."""
    count, pairs = (int(argument) for argument in (*sys.argv[1:], "24", "5")[:2])
    generator = np.random.default_rng(1)
    tokens = Ragged.of([generator.integers(4, 24, length + 2) for length in lengths("proteome", count)])
    print(f"{len(tokens.values):,} tokens, {torch.get_num_threads()} threads")
    for name, std in SCALES.items():
        compare(name, std, tokens, pairs if std == 0.02 else 0)


if __name__ == "__main__":
    main()
