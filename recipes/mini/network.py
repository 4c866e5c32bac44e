"""The network as it is trained: a motif is what its amino acids are worth, plus what each codon adds to that."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from virnucpro.models.mini import LETTERS, Mini, MiniConfig

__all__ = ["MiniInTraining"]

AMINO_SCALE, CODON_SCALE = 0.3, 0.2
"""First spread of amino acids in a motif, and share of the usual spread of codons."""


class MiniInTraining(Mini):
    """`Mini`, with codons of one amino acid tied together; `merged` is the network that is used."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__(config)
        self.amino = nn.Parameter(torch.randn(config.motif_codons, LETTERS + 1, config.motifs) * AMINO_SCALE)
        with torch.no_grad():
            self.motifs.mul_(CODON_SCALE)

    def motif_table(self) -> Tensor:
        """Make the motifs of `Mini`: shape (motif codons, codons, motifs)."""
        return self.motifs + self.amino[:, self.letters]

    def merged(self) -> Mini:
        """Give a copy in which motifs are tables of codons."""
        net = Mini(self.config)
        state = {name: tensor.detach() for name, tensor in self.state_dict().items() if name != "amino"}
        net.load_state_dict(state | {"motifs": self.motif_table().detach()})
        return net.to(self.motifs.device).eval().requires_grad_(False)
