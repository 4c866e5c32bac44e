"""DNABERT-S (and DNABERT-2, which has the same shape) on packed tokens.

MosaicBERT: a post-LN BERT without position embeddings. Positions are ALiBi's bias on the attention scores, so there is
no maximum length; the feed-forward layers are gated. It returns the last hidden state. There is no padding:
tokens of all sequences of a batch lie end to end, so the linear layers see real tokens only, and attention stays within
each sequence.

Shape suffixes: N packed tokens, B sequences, D width, H heads, K head width (D / H), F feed-forward width (4 D), L
tokens of the longest sequence.

References
----------
.. [1] Zhou et al. (2024), DNABERT-S: pioneering species differentiation with species-aware DNA embeddings.
.. [2] Zhou et al. (2024), DNABERT-2: efficient foundation model and benchmark for multi-species genomes.
.. [3] Portes et al. (2023), MosaicBERT: a bidirectional encoder optimized for fast pretraining.
.. [4] Press, Smith, Lewis (2022), Train short, test long: attention with linear biases (ALiBi).
.. [5] Shazeer (2020), GLU variants improve transformer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from virnucpro.models.attention import BiasedAttention, alibi_attention
from virnucpro.models.layers import PackedModel, gated_gelu, linear, linear_plus, normalise, token_table
from virnucpro.models.pack import Pack
from virnucpro.models.prepacked import GatedLinear

__all__ = ["DNABERTS", "DNABERTSConfig"]


@dataclass(frozen=True, slots=True)
class DNABERTSConfig:
    """Shape of one MosaicBERT."""

    layers: int  # blocks, D, H and F
    width: int  # blocks, D, H and F
    heads: int  # blocks, D, H and F
    feed_forward: int  # blocks, D, H and F
    vocabulary: int = 4096  # tokens that the tokenizer makes
    token_types: int = 2  # rows of the segment table, of which only the first is used
    layer_norm_eps: float = 1e-12  # epsilon of every LayerNorm


class DNABERTS(PackedModel):
    """A DNABERT-S encoder."""

    def __init__(self, config: DNABERTSConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = token_table(config.vocabulary, config.width)
        self.token_type = token_table(config.token_types, config.width)
        self.embedding_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))

    def hidden_states(self, pack: Pack, dtype: torch.dtype | None) -> Iterator[Tensor]:
        """Encode packed nucleotide sequences block by block."""
        dtype = dtype or self.dtype
        attention = alibi_attention(self.config.heads, pack, dtype)
        hidden_ND = normalise(self.embedding_norm, self.embed(pack).to(dtype))
        yield hidden_ND
        for layer in self.layers:
            hidden_ND = layer(hidden_ND, attention)
            yield hidden_ND

    def embed(self, pack: Pack) -> Tensor:
        """Look up token embeddings and add the embedding of the first segment, to which every token belongs."""
        embedded_ND: Tensor = self.embedding(pack.tokens_N).float() + self.token_type.weight[0].float()
        return embedded_ND


class Layer(nn.Module):
    """One block: attention, then gated feed-forward, each with a residual connection and followed by a LayerNorm."""

    def __init__(self, config: DNABERTSConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attention_output = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.expand = GatedLinear(config.width, 2 * config.feed_forward, bias=False)
        self.contract = nn.Linear(config.feed_forward, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)

    def forward(self, hidden_ND: Tensor, attention: BiasedAttention) -> Tensor:
        query_NHK, key_NHK, value_NHK = (
            linear(self.query_key_value, hidden_ND).view(len(hidden_ND), 3, self.heads, -1).unbind(1)
        )
        attended_NHK = attention(query_NHK, key_NHK, value_NHK)
        attended_ND = linear_plus(self.attention_output, attended_NHK.flatten(1), hidden_ND)
        hidden_ND = normalise(self.attention_norm, attended_ND)
        gated_ND = linear_plus(self.contract, gated_gelu(self.expand, hidden_ND), hidden_ND)
        return normalise(self.feed_forward_norm, gated_ND)
