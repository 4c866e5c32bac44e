"""ESM-2 and FastESM2_650, every size, on packed tokens.

One network from three publishers: Meta's fair-esm, transformers' EsmModel, Synthyra's FastESM2. A pre-LN transformer
with rotary positions; it returns the last hidden state. There is no padding: tokens of all sequences of a batch
lie end to end, so the linear layers see real tokens only, and attention stays within each sequence.

Shape suffixes: N packed tokens, B sequences, D width, H heads, K head width (D / H), F feed-forward width (4 D).

References
----------
.. [1] Lin et al. (2023), Evolutionary-scale prediction of atomic-level protein structure with a language model.
.. [2] facebookresearch/esm, ``esm/model/esm2.py``, ``esm/modules.py``, ``esm/rotary_embedding.py``.
.. [3] huggingface/transformers, ``models/esm/modeling_esm.py``.
.. [4] Su et al. (2021), RoFormer: rotary position embedding, equation 34.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from virnucpro.models.accelerated import kernels
from virnucpro.models.attention import Attention, grouped_attention
from virnucpro.models.layers import PackedModel, linear, linear_gelu, linear_plus, normalise, token_table
from virnucpro.models.pack import Pack
from virnucpro.models.tokens import MASK, VOCABULARY

__all__ = ["ESM2", "ESM2Config"]

TRAINING_MASK_RATIO = 0.15 * 0.8
"""Share of tokens that were <mask> in training: 15 % were chosen, 80 % of those became <mask> [2]_."""


NUMBERS_IN_CACHE = 256 * 2 * 1280
"""Numbers of queries and keys that are turned together on a CPU: 256 tokens of the 650M shape, 5 MB in float32 with
what is in between."""


@dataclass(frozen=True, slots=True)
class ESM2Config:
    """Shape of one ESM-2."""

    layers: int  # blocks, D, H and F
    width: int  # blocks, D, H and F
    heads: int  # blocks, D, H and F
    feed_forward: int  # blocks, D, H and F
    # whether embeddings are scaled for the share of masked tokens; true in every published ESM-2
    token_dropout: bool = True
    layer_norm_eps: float = 1e-5  # epsilon of every LayerNorm
    # base of the rotary frequencies, used if a checkpoint does not contain the frequencies
    rope_base: float = 10000.0

    @property
    def head_width(self) -> int:
        """K, numbers per head."""
        return self.width // self.heads


class ESM2(PackedModel):
    """An ESM-2 encoder."""

    inverse_frequencies: Tensor

    def __init__(self, config: ESM2Config, attention: Attention = grouped_attention) -> None:
        super().__init__()
        self.config = config
        self.attention = attention
        self.embedding = token_table(len(VOCABULARY), config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        # Checkpoints contain fp16-rounded frequencies, and recomputing them would change angles by up to 0.16 rad
        # at position 1024. So these values are replaced if the checkpoint has frequencies.
        exponents = torch.tensor([pair / config.head_width for pair in range(0, config.head_width, 2)], device="cpu")
        self.register_buffer("inverse_frequencies", config.rope_base**-exponents)

    def hidden_states(self, pack: Pack, dtype: torch.dtype | None) -> Iterator[Tensor]:
        """Encode packed proteins block by block; only what the last block gives is normalised."""
        dtype = dtype or self.dtype
        attention = grouped_attention if dtype == torch.float32 else self.attention  # float32 has no other kernel
        rotation = self.rotation(pack)
        hidden_ND = self.embed(pack).to(dtype)
        for layer in self.layers:
            yield hidden_ND
            hidden_ND = layer(hidden_ND, rotation, pack, attention)
        yield normalise(self.final_norm, hidden_ND)

    def embed(self, pack: Pack) -> Tensor:
        """Look up token embeddings; there is no position table and no scaling by sqrt(D)."""
        embedded_ND: Tensor = self.embedding(pack.tokens_N).float()
        if not self.config.token_dropout:
            return embedded_ND
        masked_N = pack.tokens_N == MASK
        lengths_B = torch.tensor(pack.lengths, dtype=torch.float32, device=masked_N.device)
        masked_B = torch.zeros_like(lengths_B).index_add_(0, pack.sequence_of_token_N, masked_N.float())
        scale_B = (1 - TRAINING_MASK_RATIO) / (1 - masked_B / lengths_B)
        scale_N = scale_B[pack.sequence_of_token_N].masked_fill(masked_N, 0)
        return embedded_ND.mul_(scale_N[:, None])

    def rotation(self, pack: Pack) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the rotary angles, always in float32."""
        positions = torch.arange(pack.max_length, dtype=torch.float32, device=pack.tokens_N.device)
        angles = torch.outer(positions, self.inverse_frequencies.float())
        cosine, sine = angles.cos(), angles.sin()
        cosine, sine = torch.cat((cosine, cosine), dim=-1), torch.cat((-sine, sine), dim=-1)
        return cosine[pack.positions_N, None, None], sine[pack.positions_N, None, None]


class Layer(nn.Module):
    """One transformer block: attention, then feed-forward, each after a LayerNorm and with a residual connection."""

    def __init__(self, config: ESM2Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attention_output = nn.Linear(config.width, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.expand = nn.Linear(config.width, config.feed_forward)
        self.contract = nn.Linear(config.feed_forward, config.width)

    def forward(self, hidden_ND: Tensor, rotation: tuple[Tensor, Tensor], pack: Pack, attention: Attention) -> Tensor:
        normed_ND = normalise(self.attention_norm, hidden_ND)
        projected_N3HK = linear(self.query_key_value, normed_ND).view(len(normed_ND), 3, self.heads, -1)
        rotate(projected_N3HK[:, :2], rotation)
        query_NHK, key_NHK, value_NHK = projected_N3HK.unbind(1)
        attended_NHK = attention(query_NHK, key_NHK, value_NHK, pack)
        hidden_ND = linear_plus(self.attention_output, attended_NHK.flatten(1), hidden_ND)
        normed_ND = normalise(self.feed_forward_norm, hidden_ND)
        return linear_plus(self.contract, linear_gelu(self.expand, normed_ND), hidden_ND)


def rotate(vectors_N2HK: Tensor, rotation: tuple[Tensor, Tensor]) -> None:
    """Rotate queries and keys by their positions, in place, in float32 [4]_."""
    if found := kernels(vectors_N2HK.device):
        found.turn(vectors_N2HK, *rotation)
        return
    step = len(vectors_N2HK)
    if vectors_N2HK.device.type == "cpu" and not torch.is_grad_enabled():  # with gradients each step copies all of them
        step = max(NUMBERS_IN_CACHE // vectors_N2HK[0].numel(), 1)
    half = vectors_N2HK.shape[-1] // 2
    for start in range(0, len(vectors_N2HK), step):
        vectors, cosine, sine = (tensor[start : start + step] for tensor in (vectors_N2HK, *rotation))
        wide = vectors.float()
        turned = wide * cosine
        turned[..., :half].addcmul_(wide[..., half:], sine[..., :half])
        turned[..., half:].addcmul_(wide[..., :half], sine[..., half:])
        vectors.copy_(turned)
