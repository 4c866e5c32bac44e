"""mini: a small network that reads DNA directly, both strands and all six frames at once.

A window becomes a grid of blocks: two strands, three frames, segments of 32 codons. Every block is described by the
best match of each of several hundred codon motifs inside it and by mean embeddings of its codon pairs and of its words
of four amino acids. Two layers then look along each frame, and symmetric pooling over strands and frames makes one
vector of features: a window and its reverse complement have the same one, exactly.

Shape suffixes: B windows, L bases, N = 2B strands, P positions, S segments, R = 3 frames, C = 32 codons, F motifs,
K codons of a motif, H hidden width, D features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from virnucpro.errors import ConfigError

__all__ = ["CLASSES", "Mini", "MiniConfig", "letter_table"]

CLASSES: Final = ("phage", "eukaryotic_virus", "bacteria", "archaea", "plasmid", "organelle", "eukaryote")

SEGMENT_CODONS: Final = 32
SEGMENT_BP: Final = 3 * SEGMENT_CODONS
UNKNOWN_BASE: Final = 4
UNKNOWN_CODON: Final = 64
CODONS: Final = 65
PAIRS: Final = 64 * 64
WORD_CODONS: Final = 4
SCORES_AT_ONCE: Final = 1 << 27
"""Motif scores that are held on a GPU, in float32: 512 MB."""

# Amino acids of the standard code with bases in the order ACGT, in 18 groups (I with V, K with R) and stop.
_TRANSLATION = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"
_LETTERS = sorted(set(_TRANSLATION) - set("VR"))
LETTERS: Final = len(_LETTERS)
WORDS: Final = LETTERS**WORD_CODONS
LETTER_OF_CODON: Final = tuple(_LETTERS.index({"V": "I", "R": "K"}.get(letter, letter)) for letter in _TRANSLATION)


@dataclass(frozen=True, slots=True)
class MiniConfig:
    """Shape of a network."""

    motifs: int = 256
    motif_codons: int = 8  # codons of a motif
    pair_width: int = 64  # numbers for each codon pair
    word_width: int = 32  # numbers for each word of four amino acids
    hidden: int = 256  # width of the layers over blocks
    features: int = 256  # numbers that describe a window
    classes: int = 7  # of the head

    def __post_init__(self) -> None:
        bounds = {"motif_codons": (6, 16), "classes": (2, 64)}
        for field in fields(self):
            value, (low, high) = getattr(self, field.name), bounds.get(field.name, (8, 4096))
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(f"{field.name} of mini is {value!r}; it is a whole number from {low} to {high}")

    @property
    def min_bp(self) -> int:
        """Bases of the shortest window."""
        return 3 * self.motif_codons

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON takes them."""
        return asdict(self)


class Mini(nn.Module):
    """The network; `head` gives the logits of its features."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        width = config.motifs + config.pair_width + config.word_width
        self.motifs = _drawn(0.3, config.motif_codons, CODONS, config.motifs)
        self.pairs = _drawn(0.1, PAIRS + 1, config.pair_width)
        self.words = _drawn(0.05, WORDS + 1, config.word_width)
        with torch.no_grad():
            self.pairs[PAIRS] = self.words[WORDS] = 0
        self.norm_motifs = nn.LayerNorm(config.motifs)
        self.norm_pairs = nn.LayerNorm(config.pair_width)
        self.norm_words = nn.LayerNorm(config.word_width)
        self.into = nn.Linear(width, config.hidden)
        self.across = nn.Linear(config.hidden, config.hidden)
        self.along = nn.Linear(3 * config.hidden, config.hidden)
        self.norm_out = nn.LayerNorm(3 * config.hidden)
        self.out = nn.Linear(3 * config.hidden, config.features)
        self.head = nn.Linear(config.features, config.classes)
        self.letters: Tensor
        self.register_buffer("letters", letter_table(), persistent=False)

    def forward(self, codes_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """Describe windows: shape (B, features), float32.

        `codes_BL` is uint8, 0 to 3 for A, C, G, T and 4 for anything else; values after a window's length do not
        matter. `lengths_B` is int64, at least ``config.min_bp``.
        """
        blocks_NSRX, counts_NSR = self.blocks(codes_BL, lengths_B)
        return self.pool(blocks_NSRX, counts_NSR)

    def blocks(self, codes_BL: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Describe blocks: motif maxima, means of pairs, means of words; and count each block's positions."""
        at, pairs_NP, words_NP, valid_NP = self.look_up(codes_BL, lengths_B)
        counts_NSR = grid_of(valid_NP).sum(-1)
        shape = (*counts_NSR.shape, -1)
        means = [
            _bags(grid_of(rows_NP).reshape(-1, SEGMENT_CODONS), table).view(shape) / counts_NSR.clamp(min=1)[..., None]
            for rows_NP, table in ((pairs_NP, self.pairs), (words_NP, self.words))
        ]
        return torch.cat([self._maxima(at, valid_NP).view(shape), *means], -1), counts_NSR

    def look_up(self, codes_BL: Tensor, lengths_B: Tensor) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Find the codons at each place of a motif, rows of pairs and of words, and which positions are in a window."""
        config = self.config
        codons_NP = _codons(both_strands(codes_BL, lengths_B))
        positions_N = (lengths_B - config.min_bp + 1).repeat(2)
        S = -(-(codes_BL.shape[1] - config.min_bp + 1) // SEGMENT_BP)
        P = S * SEGMENT_BP
        codons_NP = F.pad(codons_NP, (0, P + config.min_bp), value=UNKNOWN_CODON)
        valid_NP = torch.arange(P, device=codons_NP.device) < positions_N[:, None]
        at = [codons_NP[:, 3 * j : 3 * j + P] for j in range(config.motif_codons)]
        # Pairs and words lie in the middle of the motif, so that both ends of a window count equally.
        middle = config.motif_codons // 2
        pairs_NP = _row_of(at[middle - 1 : middle + 1], 64, PAIRS, valid_NP)
        letters = [self.letters[codons_NP] for codons_NP in at[middle - 2 : middle + 2]]
        return at, pairs_NP, _row_of(letters, LETTERS, WORDS, valid_NP), valid_NP

    def _maxima(self, at: list[Tensor], valid_NP: Tensor) -> Tensor:
        """Best match of every motif in every block; of a few strands at a time, because scores take much memory."""
        motifs = self.motifs.shape[2]
        nowhere = torch.full((1, motifs), -1e30, device=valid_NP.device)
        table = torch.cat([self.motifs.reshape(-1, motifs), nowhere])
        rows_NPK = torch.stack([codons_NP + CODONS * j for j, codons_NP in enumerate(at)], -1)
        rows_NPK[..., 0].masked_fill_(~valid_NP, len(table) - 1)
        best = []
        for rows_nPK in torch.split(rows_NPK.int(), _strands_at_once(valid_NP, motifs)):
            scores_XF = _bags(rows_nPK.flatten(0, 1), table)
            best.append(scores_XF.view(len(rows_nPK), -1, SEGMENT_CODONS, 3 * motifs).amax(2))
        maxima_NSX = torch.cat(best)
        return maxima_NSX * (maxima_NSX > -1e29)

    def pool(self, blocks_NSRX: Tensor, counts_NSR: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Make features of blocks; products in `dtype`."""
        mask_NSR1 = (counts_NSR > 0)[..., None].to(torch.float32)
        widths = [self.config.motifs, self.config.pair_width, self.config.word_width]
        norms = (self.norm_motifs, self.norm_pairs, self.norm_words)
        parts = [norm(part) for norm, part in zip(norms, torch.split(blocks_NSRX, widths, -1), strict=True)]
        hidden_NSRH = F.relu(_linear(self.into, torch.cat(parts, -1), dtype)) * mask_NSR1
        others_NS1H = _linear(self.across, hidden_NSRH.mean(2, keepdim=True), dtype)
        hidden_NSRH = F.relu(hidden_NSRH + others_NS1H) * mask_NSR1
        padded = F.pad(hidden_NSRH, (0, 0, 0, 0, 1, 1))
        triple = torch.cat([padded[:, :-2], hidden_NSRH, padded[:, 2:]], -1)
        hidden_NSRH = (hidden_NSRH + F.relu(_linear(self.along, triple, dtype))) * mask_NSR1
        weights_NSR1 = counts_NSR[..., None].to(torch.float32)
        frames_NRH = (hidden_NSRH * weights_NSR1).sum(1) / weights_NSR1.sum(1).clamp(min=1)
        forward, backward = frames_NRH.chunk(2)  # strands are added and compared, so their order has no effect
        mean_BH = (forward.mean(1) + backward.mean(1)) / 2
        best_BH = torch.maximum(forward.amax(1), backward.amax(1))
        peak_BH = torch.maximum(*hidden_NSRH.amax((1, 2)).chunk(2))
        pooled = self.norm_out(torch.cat([mean_BH, best_BH, peak_BH], -1))
        return F.gelu(_linear(self.out, pooled, torch.float32))


def _drawn(scale: float, *shape: int) -> nn.Parameter:
    """Random numbers, except on the device "meta", where drawing them imports torch's compiler for a second."""
    table = torch.empty(shape)
    return nn.Parameter(table if table.is_meta else table.normal_(std=scale))


def _linear(layer: nn.Linear, x: Tensor, dtype: torch.dtype) -> Tensor:
    if dtype == torch.float32:
        return F.linear(x, layer.weight, layer.bias)
    return F.linear(x.to(dtype), layer.weight.to(dtype), layer.bias.to(dtype)).float()


def _strands_at_once(valid_NP: Tensor, motifs: int) -> int:
    """Strands whose motif scores fit in the cache of a processor, or in a small part of another device's memory."""
    if valid_NP.device.type == "cpu":
        return 1
    return max(1, SCORES_AT_ONCE // (valid_NP.shape[1] * motifs))


def _bags(rows_XI: Tensor, table: Tensor) -> Tensor:
    """Sums of rows of a table; 32-bit indices in one row are the fastest form."""
    bags, width = rows_XI.shape
    starts = torch.arange(0, bags * width, width, dtype=torch.int32, device=rows_XI.device)
    return F.embedding_bag(rows_XI.reshape(-1).int(), table, starts, mode="sum")


def _row_of(letters: list[Tensor], base: int, nothing: int, valid_NP: Tensor) -> Tensor:
    """Number of a word; `nothing` where a letter is unknown or the window has ended."""
    known_NP = valid_NP
    row_NP = torch.zeros_like(letters[0])
    for place, letters_NP in enumerate(letters):
        known_NP = known_NP & (letters_NP < base)
        row_NP = row_NP + base**place * letters_NP
    return torch.where(known_NP, row_NP, nothing)


def grid_of(x_NP: Tensor) -> Tensor:
    """Positions as segments, frames, codons."""
    return x_NP.view(len(x_NP), -1, SEGMENT_CODONS, 3).transpose(2, 3)


def both_strands(codes_BL: Tensor, lengths_B: Tensor) -> Tensor:
    """Windows, then their reverse complements; unknown bases after their ends."""
    codes_BL = codes_BL.long()
    place_BL = torch.arange(codes_BL.shape[1], device=codes_BL.device).expand_as(codes_BL)
    inside_BL = place_BL < lengths_B[:, None]
    codes_BL = torch.where(inside_BL, codes_BL, UNKNOWN_BASE)
    mirrored_BL = codes_BL.gather(1, (lengths_B[:, None] - 1 - place_BL).clamp(min=0))
    complement_BL = torch.where((mirrored_BL < UNKNOWN_BASE) & inside_BL, 3 - mirrored_BL, UNKNOWN_BASE)
    return torch.cat([codes_BL, complement_BL])


def _codons(codes_NL: Tensor) -> Tensor:
    """Overlapping codons, numbered by base 4; the unknown codon where a base is."""
    first, second, third = codes_NL[:, :-2], codes_NL[:, 1:-1], codes_NL[:, 2:]
    known = (first < UNKNOWN_BASE) & (second < UNKNOWN_BASE) & (third < UNKNOWN_BASE)
    return torch.where(known, 16 * first + 4 * second + third, UNKNOWN_CODON)


def letter_table() -> Tensor:
    """Letter of every codon, and of the unknown one."""
    return torch.tensor((*LETTER_OF_CODON, LETTERS))
