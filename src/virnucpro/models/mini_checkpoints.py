"""mini as an encoder: packaged weights and raw nucleotides in, one vector per sequence out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from virnucpro.errors import ConfigError, WeightsError
from virnucpro.models.encoders import Tokens
from virnucpro.models.matching import Checkpoint
from virnucpro.models.mini import UNKNOWN_BASE, Mini, MiniConfig, letter_table
from virnucpro.models.placement import Placement
from virnucpro.models.readout import DEFAULT_READOUT, Readout, no_choice
from virnucpro.models.registry import MINI
from virnucpro.models.weights import FileTensors, weight_files
from virnucpro.records import ModelIdentity
from virnucpro.sequences.nucleotides import clean_sequences
from virnucpro.sequences.ragged import Ragged

__all__ = ["MiniCheckpoint", "MiniEncoder"]

BATCH_BASES, ACCELERATOR_BATCH_BASES = 16_384, 1_048_576
"""Bases per batch; on a CPU, chosen so that its arrays stay in the cache."""


@dataclass(frozen=True, eq=False)
class MiniEncoder:
    """The network without its head; tokens are base codes (uint8), A C G T other = 0 to 4."""

    architecture: ClassVar = MINI

    model: Mini
    identity: ModelIdentity
    placement: Placement

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.model.config.features

    @property
    def suffix(self) -> str:
        """Suffix of its feature files."""
        return self.architecture.suffix

    @property
    def batch_tokens(self) -> int:
        """Bases of a batch."""
        return BATCH_BASES if self.placement.device.type == "cpu" else ACCELERATOR_BATCH_BASES

    def tokenise(self, sequences: Sequence[str], max_residues: int) -> Tokens:
        """Clean, truncate and code raw nucleotides."""
        whole = clean_sequences(sequences)
        lengths = np.minimum(whole.lengths, max_residues)
        cut = Ragged.of([whole[row][:length] for row, length in enumerate(lengths.tolist())])
        codes = Ragged(np.minimum(cut.values, np.uint8(UNKNOWN_BASE)), cut.offsets)
        unknown = np.concatenate(([0], np.cumsum(codes.values == UNKNOWN_BASE)))[codes.offsets]
        return Tokens(codes, lengths, whole.lengths > max_residues, np.diff(unknown))

    @torch.inference_mode()
    def embed(self, tokens: Ragged, exact: bool = False) -> NDArray[np.float32]:  # noqa: ARG002  it works in float32
        """Encode a batch: shape (rows, width); a row does not depend on the others."""
        lengths = np.maximum(tokens.lengths, self.model.config.min_bp)  # shorter windows are filled with unknown bases
        codes_BL = np.full((len(tokens), int(lengths.max())), UNKNOWN_BASE, np.uint8)
        codes_BL[np.arange(codes_BL.shape[1]) < tokens.lengths[:, None]] = tokens.values
        device = self.placement.device
        features = self.model(torch.from_numpy(codes_BL).to(device), torch.from_numpy(lengths).to(device))
        vectors: NDArray[np.float32] = features.float().cpu().numpy()
        return vectors

    def vectors_of(self, tokens: Ragged) -> NDArray[np.int64]:
        """Count the vectors of each row: one."""
        return np.ones(len(tokens), np.int64)

    def reading(self, readout: Readout) -> Self:
        """Refuse: it has no layers of tokens."""
        if readout != DEFAULT_READOUT:
            raise no_choice(self.identity.name)
        return self


@dataclass(frozen=True, eq=False)
class MiniCheckpoint(Checkpoint[Mini]):
    """A folder with `config.json`, the shape of the network, and `model.safetensors`."""

    architecture: ClassVar = MINI

    config: MiniConfig = field(default_factory=MiniConfig)

    @classmethod
    def open(cls, folder: Path, values: Mapping[str, Any], name: str, revision: str | None) -> Self:
        """Describe the weights in a folder whose configuration was read."""
        shape = {key: value for key, value in values.items() if key != "model_type"}
        try:
            config = MiniConfig(**shape)
        except (TypeError, ConfigError) as error:
            raise WeightsError(f"{folder / 'config.json'} describes no mini: {error!s:.300}") from error
        return cls(FileTensors(weight_files(folder)), name, revision, config)

    @classmethod
    def take_over(cls, model: nn.Module, values: Mapping[str, Any], tokenizer: Any) -> Self:  # noqa: ANN401, ARG003
        """Raise an error: no other library has this model."""
        raise WeightsError(f"model is a {type(model).__name__}; mini is loaded with load_encoder('mini')")

    @property
    def layers(self) -> int:
        """Number of blocks in its configuration."""
        return 0

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.config.features

    def describe(self) -> dict[str, Any]:
        """Describe what the weights do not determine."""
        return self.config.to_dict()

    def build(self, placement: Placement) -> Mini:  # noqa: ARG002  in float32 everywhere
        """Build the network without weights."""
        model = Mini(self.config)
        del model.head  # its features are scored by a separate classifier
        return model

    def canonical_name(self, name: str) -> str | None:
        """The tensor names in files are those of the network."""
        return name

    def encoder(self, placement: Placement) -> MiniEncoder:
        """Read the weights into an encoder."""
        shapes = self.source.shapes()
        with torch.device("meta"):
            model = self.build(placement)
        expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        if shapes != expected:
            wrong = sorted(
                f"{name!r:.100}: {shapes.get(name)} instead of {expected.get(name)}"
                for name in shapes.keys() | expected.keys()
                if shapes.get(name) != expected.get(name)
            )
            raise WeightsError(f"{self.name}: tensors do not fit its config.json: {'; '.join(wrong[:5])}")
        tensors = {
            name: tensor.to(torch.float32, copy=True) for group in self.source.groups(shapes) for name, tensor in group
        }
        for name, tensor in tensors.items():
            if not torch.stack(torch.aminmax(tensor)).isfinite().all():
                where = self.source.file_of(name) or self.name
                raise WeightsError(f"{where}: {name} holds numbers that are not finite; download or export it again")
        model.load_state_dict(tensors, assign=True)
        model.letters = letter_table()  # which is not among the weights
        model.to(placement.device).eval().requires_grad_(False)
        return MiniEncoder(model, self.identity, placement)

    @property
    def parameters(self) -> int:
        """Numbers in its tensors."""
        return sum(math.prod(shape) for shape in self.source.shapes().values())
