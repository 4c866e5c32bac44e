"""How much is measured: on a GPU, quickly on one, or just enough to run every line of code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.workloads import DNA_SHAPE, ESM2_SHAPE


@dataclass(frozen=True)
class Scale:
    """Sizes of one report, and where it keeps models and sequences."""

    device: str
    folder: Path
    repetitions: int = 5  # as many as a verdict needs
    budget_repetitions: int = 5
    read_repetitions: int = 5
    proteins: int = 2048  # of 350 residues in the mean
    fragments: int = 16_384  # of 300 to 500 bp
    reads: int = 500_000  # of 150 bp
    compared: int = 24  # sequences of each parity
    max_tokens: int = 16_384
    matrix: int = 8192  # rows of the square matrices whose product is the peak
    budgets: tuple[int, ...] = (8192, 16_384, 32_768, 65_536, 131_072)
    esm2: Mapping[str, int] = field(default_factory=lambda: dict(ESM2_SHAPE))
    dna: Mapping[str, int] = field(default_factory=lambda: dict(DNA_SHAPE))

    @property
    def is_cuda(self) -> bool:
        """Whether the device is a CUDA one."""
        return self.device.startswith("cuda")

    @property
    def esm2_folder(self) -> Path:
        """Weights of the protein encoder."""
        return self.folder / "esm2"

    @property
    def dna_folder(self) -> Path:
        """Weights of the DNA encoder."""
        return self.folder / "dnabert_s"

    def quick(self) -> Scale:
        """Smaller, for a machine that is lent for minutes; with too few repetitions for verdicts."""
        few = replace(self, repetitions=3, budget_repetitions=2, read_repetitions=1)
        return replace(few, proteins=1536, fragments=2048, reads=200_000)

    def tiny(self) -> Scale:
        """As small as the code allows; no figure of it means anything."""
        shape = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256}
        return replace(
            self, repetitions=2, budget_repetitions=2, read_repetitions=1, proteins=12, fragments=24,
            reads=300, compared=4, max_tokens=1024, matrix=64, budgets=(512, 2048), esm2=shape, dna=shape,
        )  # fmt: skip
