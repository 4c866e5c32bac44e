"""DNABERT-S as an encoder: published weights and raw nucleotides in, vectors out.

DNABERT-S names its tensors without a prefix; DNABERT-2, which has the same shape, with the prefix ``bert.``. Both
declare the type BERT, and transformers without remote code turns them into a mostly random BERT; so weights with a
BERT's tensors are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from virnucpro.errors import WeightsError, starting_threads
from virnucpro.models.dna_tokens import TOKENIZER_FILE, DnaTokenizer
from virnucpro.models.dnabert_s import DNABERTS, DNABERTSConfig
from virnucpro.models.encoders import PackedEncoder, Tokens, for_inference
from virnucpro.models.matching import PARAMETER_NAME, Checkpoint, Kind, require
from virnucpro.models.placement import Placement
from virnucpro.models.pooling import ALL_TOKENS
from virnucpro.models.registry import DNABERT_S
from virnucpro.models.threads import threads_of_torch
from virnucpro.models.weights import FileTensors, MemoryTensors, weight_files
from virnucpro.sequences.nucleotides import clean_dna
from virnucpro.sequences.ragged import Ragged

__all__ = ["DNABERTSCheckpoint", "DnaEncoder"]

SEQUENCES_OF_A_TASK = 256
"""Sequences per thread and tokeniser call."""

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


@dataclass(frozen=True, eq=False)
class DnaEncoder(PackedEncoder):
    """DNABERT-S with its tokenizer; vectors are made of all tokens, including [CLS] and [SEP]."""

    tokenizer: DnaTokenizer

    architecture = DNABERT_S
    used = ALL_TOKENS

    def tokenise(self, sequences: Sequence[str], max_residues: int) -> Tokens:
        """Clean, truncate and tokenise raw nucleotides, on all threads, since the tokenizer releases Python's lock."""
        clean = [clean_dna(sequence, max_residues) for sequence in sequences]
        tasks = [clean[start : start + SEQUENCES_OF_A_TASK] for start in range(0, len(clean), SEQUENCES_OF_A_TASK)]
        with ThreadPoolExecutor(threads_of_torch(), "tokens") as pool:
            with starting_threads():
                found = pool.map(lambda task: [self._row(one.letters) for one in task], tasks)
            rows = list(chain.from_iterable(found))
        return Tokens(
            Ragged.of(rows),
            np.array([len(one.letters) for one in clean], np.int64),
            np.array([one.truncated for one in clean], bool),
            np.array([one.unknown for one in clean], np.int64),
        )

    def _row(self, letters: str) -> NDArray[np.int64]:
        return self.tokenizer.encode(letters) if letters else np.empty(0, np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class DNABERTSCheckpoint(Checkpoint[DNABERTS]):
    """Weights of a DNABERT-S and their tokenizer."""

    architecture: ClassVar = DNABERT_S

    config: DNABERTSConfig
    tokenizer: DnaTokenizer

    def __post_init__(self) -> None:
        if self.tokenizer.size != self.config.vocabulary:
            raise WeightsError(
                f"{self.name} does not fit its tokenizer: vocab_size is {self.config.vocabulary} in the configuration, "
                f"{self.tokenizer.size} in the tokenizer; use the tokenizer.json that was published with the weights"
            )

    @classmethod
    def open(cls, folder: Path, values: Mapping[str, Any], name: str, revision: str | None) -> Self:
        """Describe the weights and the tokenizer in a folder."""
        config = read_config(values, str(folder / "config.json"))
        tokenizer = DnaTokenizer.read(folder / TOKENIZER_FILE)
        return cls(FileTensors(weight_files(folder)), name, revision, config=config, tokenizer=tokenizer)

    @classmethod
    def take_over(cls, model: nn.Module, values: Mapping[str, Any], tokenizer: Any) -> Self:  # noqa: ANN401
        """Describe the weights of a DNABERT-S that transformers loaded with its publisher's code."""
        kind = type(model).__name__
        config = read_config(values, f"the configuration of {kind}")
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise WeightsError(f"tokenizer is a {type(tokenizer).__name__}; give the one that belongs to the model")
        tokens = DnaTokenizer(backend.to_str(), f"the tokenizer of {kind}")
        return cls(MemoryTensors(model.state_dict()), kind, config=config, tokenizer=tokens)

    @property
    def layers(self) -> int:
        """Number of blocks."""
        return self.config.layers

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.config.width

    def encoder(self, placement: Placement) -> DnaEncoder:
        """Read the weights into an encoder."""
        return DnaEncoder(for_inference(self, placement), self.identity, placement, self.tokenizer)

    def describe(self) -> dict[str, Any]:
        """Describe what the weights do not determine."""
        return {**asdict(self.config), "tokenizer_sha256": self.tokenizer.sha256}

    def build(self, placement: Placement) -> DNABERTS:  # noqa: ARG002
        """Build the model without weights."""
        return DNABERTS(self.config)

    def canonical_name(self, name: str) -> str | None:
        """Map a tensor name of DNABERT-S or DNABERT-2 to `DNABERTS`."""
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
        """Recognise a stock BERT, and an incomplete DNABERT-2."""
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
    kinds = dict.fromkeys(sizes, Kind.WHOLE) | {"num_hidden_layers": Kind.LAYERS} | {"layer_norm_eps": Kind.NUMBER}
    known = {"model_type": ("bert",), "hidden_act": ("gelu",)}
    require(values, f"{where} does not describe a DNABERT-S", known, kinds, ("hidden_size", "num_attention_heads"))
    layers, width, heads, feed_forward, vocabulary, token_types = (values[key] for key in sizes)
    return DNABERTSConfig(layers, width, heads, feed_forward, vocabulary, token_types, float(values["layer_norm_eps"]))
