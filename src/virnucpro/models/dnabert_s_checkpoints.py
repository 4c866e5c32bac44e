"""From published weights to a DNABERT-S encoder.

DNABERT-S names its tensors without a prefix, DNABERT-2, which has the same shape, with ``bert.``. Both call themselves
a BERT, and transformers without remote code makes a mostly random one of them: what has a BERT's tensors is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from virnucpro.errors import WeightsError
from virnucpro.models.dna_tokens import DnaTokenizer
from virnucpro.models.dnabert_s import DNABERTS, DNABERTSConfig
from virnucpro.models.matching import PARAMETER_NAME, Checkpoint, Kind, require
from virnucpro.models.placement import Placement
from virnucpro.records import Molecule

__all__ = ["DNABERTSCheckpoint", "read_config"]

_LAYER_MODULES = {
    "attention.self.Wqkv": "query_key_value",
    "attention.output.dense": "attention_output",
    "attention.output.LayerNorm": "attention_norm",
    "mlp.gated_layers": "expand",
    "mlp.wo": "contract",
    "mlp.layernorm": "feed_forward_norm",
}
_TOP_LEVEL = {
    "embeddings.word_embeddings": "embedding",
    "embeddings.token_type_embeddings": "token_type",
    "embeddings.LayerNorm": "embedding_norm",
}
_LAYER = re.compile(r"^encoder\.layer\.(\d+)\.(.+)$")
_NOT_NEEDED = re.compile(r"^(?:bert\.)?(?:pooler|cls)\.")
_OF_A_STOCK_BERT = re.compile(r"\.attention\.self\.(?:query|key|value)\.|embeddings\.position_embeddings\.")


@dataclass(frozen=True, eq=False, kw_only=True)
class DNABERTSCheckpoint(Checkpoint[DNABERTS]):
    """Weights of a DNABERT-S, with the tokenizer that belongs to them."""

    architecture: ClassVar[str] = "DNABERT-S"
    molecule: ClassVar[Molecule] = Molecule.DNA

    config: DNABERTSConfig  # shape of the model
    tokenizer: DnaTokenizer  # its tokenizer

    def __post_init__(self) -> None:
        if self.tokenizer.size != self.config.vocabulary:
            raise WeightsError(
                f"{self.name} does not fit its tokenizer: vocab_size is {self.config.vocabulary} in the configuration, "
                f"{self.tokenizer.size} in the tokenizer; use the tokenizer.json that was published with the weights"
            )

    def describe(self) -> dict[str, Any]:
        """Say what the weights do not show by themselves."""
        return {**asdict(self.config), "tokenizer_sha256": self.tokenizer.sha256}

    def build(self, placement: Placement) -> DNABERTS:  # noqa: ARG002
        """Make the model, without weights."""
        return DNABERTS(self.config)

    def canonical_name(self, name: str) -> str | None:
        """Say where a tensor of DNABERT-S or DNABERT-2 belongs in `DNABERTS`."""
        if _NOT_NEEDED.match(name):
            return None
        module, _, parameter = name.removeprefix("bert.").rpartition(".")
        parameter = PARAMETER_NAME.get(parameter, "")
        layer = _LAYER.match(module)
        found = _LAYER_MODULES.get(layer[2], "") if layer else _TOP_LEVEL.get(module, "")
        if not parameter or not found:
            return name
        return f"layers.{layer[1]}.{found}.{parameter}" if layer else f"{found}.{parameter}"

    def looks_like(self) -> str:
        """Tell a stock BERT, and a DNABERT-2 that is not whole."""
        names = self.source.shapes()
        if any(_OF_A_STOCK_BERT.search(name) for name in names):
            return (
                "; it is a stock BERT (positions, separate query, key and value), which is also what transformers "
                "without remote code makes of DNABERT-S: take the published file"
            )
        if any(name.startswith("bert.") for name in names):
            return "; it is a DNABERT-2 (prefix bert.) and not whole"
        return ""


def read_config(values: Mapping[str, Any], where: str) -> DNABERTSConfig:
    """Read the shape of a DNABERT-S from its `config.json`."""
    if "alibi_starting_size" not in values:
        raise WeightsError(
            f"{where} does not describe a DNABERT-S but a stock BERT: model_type is {values.get('model_type')!r}, "
            "and it lacks alibi_starting_size"
        )
    shape = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    sizes = (*shape, "vocab_size", "type_vocab_size")
    kinds = dict.fromkeys(sizes, Kind.WHOLE) | {"layer_norm_eps": Kind.NUMBER}
    known = {"model_type": ("bert",), "hidden_act": ("gelu",)}
    require(values, f"{where} does not describe a DNABERT-S", known, kinds, ("hidden_size", "num_attention_heads"))
    layers, width, heads, feed_forward, vocabulary, token_types = (values[key] for key in sizes)
    return DNABERTSConfig(layers, width, heads, feed_forward, vocabulary, token_types, float(values["layer_norm_eps"]))
