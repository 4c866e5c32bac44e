"""transformers' EsmModel from file to file, written with care: ``python -m benchmarks.rival MODEL FASTA OUT``.

In bfloat16 with sdpa, sorted by length, batches of the same token budget, mean over residues.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from benchmarks.contestants import Transformers
from benchmarks.worker import tokens_of
from virnucpro.models.encoders import CPU_MAX_TOKENS


def main() -> None:
    """Load, embed, save."""
    model, fasta, out = map(Path, sys.argv[1:])
    network = Transformers(model, "bf16", "cpu", CPU_MAX_TOKENS)
    torch.save(network.pooled(tokens_of(model, fasta)), out)


if __name__ == "__main__":
    main()
